__version__ = "0"  # the wheel builder writes the real one
