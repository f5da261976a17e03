/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ipsec-mb: AES-GCM and SHA-1.
 *
 * The library's manager is a table of functions that suit this CPU. The AES-GCM ones are copied out of it, so that the
 * data path finds six pointers on its own cache lines instead of reaching through a structure of many kilobytes. They
 * keep no state outside their arguments, which is what lets any number of threads call them.
 */
#include <assert.h>
#include <string.h>

#include "crypto.h"
#include "gcm.h"
#include "internal.h"

struct sl_gcm_ops sl_gcm_ops[SL_CIPHER_COUNT];

static IMB_MGR *manager;

const char *sl_cipher_name(enum sl_cipher cipher)
{
	switch (cipher) {
	case SL_AES128GCM16: return "aes128gcm16";
	case SL_AES256GCM16: return "aes256gcm16";
	case SL_CIPHER_COUNT: break;
	}
	return "unknown";
}

/* ipsec-mb 1.3 would emulate missing AES instructions with tables, slowly and not in constant time: never use that. */
static int check_manager(IMB_MGR *m)
{
	const uint64_t needed = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;

	if ((m->features & needed) != needed)
		return SL_CRYPTO_E_NO_AES;
	/* The library tests itself too and reports that here. */
	if (imb_get_errno(m) != 0)
		return SL_CRYPTO_E_LIBRARY;
	return 0;
}

int sl_aead_init(void)
{
	if (manager != NULL)
		return 0;
	/* The layout of the manager and of the keys belongs to one version, and DPDK may have loaded another one. */
	if (imb_get_version() != IMB_VERSION_NUM)
		return SL_CRYPTO_E_LIBRARY;

	IMB_MGR *m = alloc_mb_mgr(0);
	if (m == NULL)
		return SL_CRYPTO_E_LIBRARY;
	init_mb_mgr_auto(m, NULL);

	int error = check_manager(m);
	if (error != 0) {
		free_mb_mgr(m);
		return error;
	}
	sl_gcm_ops[SL_AES128GCM16] = (struct sl_gcm_ops){m->gcm128_enc, m->gcm128_dec, m->gcm128_pre};
	sl_gcm_ops[SL_AES256GCM16] = (struct sl_gcm_ops){m->gcm256_enc, m->gcm256_dec, m->gcm256_pre};
	manager = m;
	return 0;
}

const char *sl_aead_arch(void)
{
	assert(manager != NULL);
	switch (manager->used_arch) {
	case IMB_ARCH_SSE: return "sse";
#if IMB_VERSION_NUM < IMB_VERSION(2, 0, 0)
	case IMB_ARCH_AVX: return "avx";
#endif
	case IMB_ARCH_AVX2: return "avx2";
	case IMB_ARCH_AVX512: return "avx512";
	default: return "generic";
	}
}

int sl_gcm_raw_key(uint8_t raw[static SL_GCM_KEY_MAX], const struct sl_gcm_key *key, enum sl_cipher cipher)
{
	struct sl_gcm_key again;
	bool same;

	memset(raw, 0, SL_GCM_KEY_MAX);
	memcpy(raw, key->data.expanded_keys, sl_cipher_key_len(cipher));
	/* Expanding leaves some of the room alone: what is there stays the same in both. */
	memcpy(&again, key, sizeof(again));
	sl_gcm_expand(&again, cipher, raw);
	same = sl_equal(&again, key, sizeof(again));
	sl_wipe(&again, sizeof(again));
	if (!same)
		sl_wipe(raw, SL_GCM_KEY_MAX);
	return same ? 0 : SL_CRYPTO_E_LIBRARY;
}

void sl_sha1(uint8_t digest[static SL_SHA1_LEN], const void *data, size_t len)
{
	assert(manager != NULL);
	IMB_SHA1(manager, data, len, digest);
}
