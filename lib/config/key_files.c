/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that hold a key: where they are, and what can be wrong with them. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "../crypto/keyfile.h"
#include "files.h"
#include "keys.h"
#include "values.h"

char *sl_key_path(struct parser *p, const char *value)
{
	return sl_config_beside(p, p->files[p->file_count - 1].path, value);
}

void sl_key_file_complain(struct parser *p, const struct key_kind *kind, const char *name, const char *value,
	const char *path, int error)
{
	struct stat st;

	if (sl_value_shown(value) != value)
		path = sl_value_shown(value);

	switch (error) {
	case SL_CRYPTO_E_KEY_READ:
		sl_config_complain(p, p->line, "cannot read %s %s: %s, expected a file that %s wrote", name,
			path, strerror(errno), kind->writer);
		break;
	case SL_CRYPTO_E_KEY_MODE:
		if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
			sl_config_complain(p, p->line,
				"%s %s is not a regular file, expected one that %s wrote", name, path,
				kind->writer);
		else
			sl_config_complain(p, p->line,
				"%s %s is readable by others, expected mode 0600 (chmod 600 %s)", name, path,
				path);
		break;
	case SL_CRYPTO_E_KEY_FORMAT:
		sl_config_complain(
			p, p->line, "%s %s holds no %s, expected %s", name, path, kind->content, kind->form);
		break;
	default: sl_config_complain(p, p->line, "%s: %s", name, sl_crypto_strerror(error));
	}
}
