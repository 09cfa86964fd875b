"""ffmpeg: run and fed, films probed by it, and its options for sound."""
