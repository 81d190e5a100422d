# For `lvs firmware --board ESP32_GENERIC`.
include("$(PORT_DIR)/boards/manifest.py")
include("../common/manifest.py")
