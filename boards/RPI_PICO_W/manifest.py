# In MicroPython's port folder: make BOARD=RPI_PICO_W FROZEN_MANIFEST=/path/to/this/file
include("$(BOARD_DIR)/manifest.py")
include("../common/manifest.py")
