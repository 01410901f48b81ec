"""Pure. The functions of the demonstration pipelines; nothing in here needs ckptflow."""
