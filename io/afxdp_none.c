/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afxdp_none.c: stands for the AF_XDP port where there was no libxdp when the project was built.
 */
#include <flowos/afxdp.h>

#include <stdio.h>

int fos_afxdp_open(const char *name, const struct fos_afxdp_opts *opts, struct fos_port **out, char *err, size_t errlen)
{
	(void)opts;
	*out = NULL;
	snprintf(err, errlen, "%s: AF_XDP is not built in (Debian: libxdp-dev when it is built)", name);
	return -ENOTSUP;
}

const char *fos_afxdp_how(const struct fos_port *p)
{
	(void)p;
	return NULL;
}
