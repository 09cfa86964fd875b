"""Neural style transfer: what is minimized, and how; nothing here touches the disk."""
