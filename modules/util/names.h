/* SPDX-License-Identifier: BSD-2-Clause
 *
 * names.h: how modules write a stream's name in lists: "tcp SRC:PORT > DST:PORT", as golden files do.
 *
 * Pure functions, any thread.
 */
#ifndef FLOWOS_MODULE_NAMES_H
#define FLOWOS_MODULE_NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <netinet/in.h>

#include <flowos/key.h>
#include <flowos/report.h>

enum { MOD_NAME_TEXT = 2 * FOS_ADDR_TEXT + 16 };

/* `buf` takes MOD_NAME_TEXT bytes. Returns the length. */
static inline size_t mod_stream_name(const struct fos_key *key, int dir, char *buf)
{
	char from[FOS_ADDR_TEXT], to[FOS_ADDR_TEXT];
	int n = snprintf(buf, MOD_NAME_TEXT, "%s %s > %s", key->proto == IPPROTO_TCP ? "tcp" : "udp",
	                 fos_key_text(key, dir, from, sizeof(from)), fos_key_text(key, !dir, to, sizeof(to)));

	return n < 0 ? 0 : n < MOD_NAME_TEXT ? (size_t)n : MOD_NAME_TEXT - 1;
}

/* A 64-bit sum: `KEY` in hexadecimal for people, and in halves KEY_high, KEY_low, which stay right when the reports of
 * several workers are added up: sum = (high << 32) + low, modulo 2^64. */
static inline void mod_report_sum(struct fos_report *r, const char *key, uint64_t sum)
{
	char text[24], half[64];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)sum);
	fos_report_str(r, key, text);
	snprintf(half, sizeof(half), "%s_high", key);
	fos_report_u64(r, half, sum >> 32);
	snprintf(half, sizeof(half), "%s_low", key);
	fos_report_u64(r, half, sum & 0xffffffffu);
}

#endif
