"""What a file of GPUs says (``file.py``), and which GPUs a call ran on (``places.py``): ``docs/gpu.md``."""

from warehouse.gpus.file import Fleet, read_fleet

__all__ = ["Fleet", "read_fleet"]
