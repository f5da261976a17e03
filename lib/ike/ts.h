/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Traffic selector payloads (RFC 7296 3.13).
 */
#ifndef SEALANE_IKE_TS_H
#define SEALANE_IKE_TS_H

#include "codec.h"

void ike_write_ts(struct ike_writer *w, enum ike_payload_type type, const struct sl_ts_list *list);

/*
 * Reads a TS payload. Selectors of other kinds than ranges of addresses are left out, and so is what exceeds
 * SL_TS_MAX: fewer selectors carry less traffic, never more. Returns IKE_OK or IKE_E_SYNTAX.
 */
enum ike_result ike_parse_ts(struct sl_ts_list *list, struct ike_view body);

/* True when each selector of `part` lies within one of `whole`. */
bool ike_ts_within(const struct sl_ts_list *part, const struct sl_ts_list *whole);

#endif
