/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of lib/esp share. */
#ifndef SEALANE_ESP_INTERNAL_H
#define SEALANE_ESP_INTERNAL_H

#include "esp.h"

/* Returns 0 or an error of enum sl_esp_error. */
int sl_esp_selectors_init(struct sl_esp_selectors *selectors, const struct sl_ts_list *list);

#endif
