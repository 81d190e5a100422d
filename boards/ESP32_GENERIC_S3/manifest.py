# For `lvs firmware --board ESP32_GENERIC_S3`.
include("$(PORT_DIR)/boards/manifest.py")
include("../common/manifest.py")
