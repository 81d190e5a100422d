# In MicroPython's port folder: make BOARD=ESP32_GENERIC_S3 FROZEN_MANIFEST=/path/to/this/file
include("$(PORT_DIR)/boards/manifest.py")
include("../common/manifest.py")
