/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_keep.c: see worst_keep.h. Of each stream it remembers how far it had been shown.
 */
#include "worst_keep.h"

#include <flowos/module.h>

/* What the next instance counts into: add_module() calls open() before it returns. */
static _Thread_local uint64_t *attaching;

static int keep_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)err, (void)errlen;
	*self = attaching;
	return 0;
}

static void keep_data(void *self, struct fos_stream *s)
{
	uint64_t *peak = self, *shown = fos_stream_state(s), head = fos_stream_head(s).off;

	if (*shown > head && *shown - head > *peak)
		*peak = *shown - head;
	*shown = fos_stream_tail(s).off;
}

static const struct fos_module keep_module = {
	.abi = FOS_MODULE_ABI,
	.size = sizeof(struct fos_module),
	.name = "keep",
	.summary = "never releases anything",
	.access = FOS_READ_ONLY,
	.stream_state = sizeof(uint64_t),
	.open = keep_open,
	.stream_data = keep_data,
};

int worst_keep_attach(uint64_t *peak, struct fos_worker *w, char *err, size_t errlen)
{
	int rc;

	*peak = 0;
	attaching = peak;
	rc = fos_worker_add_module(w, 0, 0, &keep_module, NULL, NULL, err, errlen);
	return rc < 0 ? rc : 0;
}
