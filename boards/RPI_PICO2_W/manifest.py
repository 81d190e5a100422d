# For `lvs firmware --board RPI_PICO2_W`.
include("$(BOARD_DIR)/manifest.py")
include("../common/manifest.py")
