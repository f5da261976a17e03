/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a fuzz target over the files of its corpus, without libFuzzer: any compiler, any sanitizer. Speaks TAP. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target.h"

enum { INPUT_MAX = 1 << 20 };

/* Only some targets need it. */
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static bool run_file(const char *dir, const char *name)
{
	char path[4096];
	uint8_t *input = malloc(INPUT_MAX), *exact;
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	if (!f || !input) {
		free(input);
		return false;
	}
	len = fread(input, 1, INPUT_MAX, f);
	fclose(f);
	/* A buffer of just this size, so that AddressSanitizer sees a read beyond it. */
	exact = malloc(len ? len : 1);
	memcpy(exact, input, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	free(input);
	return true;
}

/* Returns false when there is no such folder. */
static bool run_folder(const char *name, unsigned *count, unsigned *failed)
{
	const struct dirent *entry;
	DIR *dir = opendir(name);

	while (dir && (entry = readdir(dir))) {
		bool ok;

		if (entry->d_name[0] == '.')
			continue;
		ok = run_file(name, entry->d_name);
		*failed += !ok;
		printf("%s %u - %s\n", ok ? "ok" : "not ok", ++*count, entry->d_name);
	}
	return dir && closedir(dir) == 0;
}

int main(int argc, char **argv)
{
	unsigned count = 0, failed = 0;
	bool ok = argc >= 2;

	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc && ok; i++)
		ok = run_folder(argv[i], &count, &failed);
	if (!ok) {
		fprintf(stderr, "usage: %s CORPUS...\n", argv[0]);
		return 2;
	}
	printf("1..%u\n", count);
	return failed != 0 || count == 0;
}
