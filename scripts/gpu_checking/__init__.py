"""Sections of `gpu_check`: what each looks at on a device, and how findings are written down."""
