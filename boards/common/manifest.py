# What every board's frozen build contains besides MicroPython's own modules.
# lvs.json, secrets.json and profile.json stay on the filesystem.
package("lvs", base_path="../../lib")
for name in (
    "adc_integral",
    "admin",
    "admin_work",
    "amounts",
    "app",
    "boot",
    "both_links",
    "callback",
    "crashlog",
    "espnow_link",
    "led",
    "main",
    "parts",
    "power",
    "pulse",
    "settings",
    "source_kinds",
    "sources",
    "status_page",
    "trial",
    "watchdog",
    "wifi",
):
    module(name + ".py", base_path="../../firmware")
