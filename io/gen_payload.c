/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gen_payload.c: the formulas of made-up traces: payload, addresses, and the way back from a key. Pure functions.
 */
#include "gen_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <flowos/rand.h>

uint64_t fos__gen_payload_base(uint64_t seed, uint64_t session, int dir)
{
	return fos_mix64_add(fos_mix64_add(fos_mix64(seed), session), (uint64_t)dir);
}

static inline uint64_t word(uint64_t base, uint64_t i)
{
	uint64_t w = fos_mix64_add(base, i);

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	return w;
}

void fos__gen_fill(uint64_t base, uint64_t offset, uint8_t *buf, size_t len)
{
	uint64_t i = offset / 8, w;
	size_t skip = offset % 8, n;

	if (skip && len) {
		n = len < 8 - skip ? len : 8 - skip;
		w = word(base, i++);
		memcpy(buf, (uint8_t *)&w + skip, n);
		buf += n;
		len -= n;
	}
	for (; len >= 8; buf += 8, len -= 8) {
		w = word(base, i++);
		memcpy(buf, &w, 8);
	}
	if (len) {
		w = word(base, i);
		memcpy(buf, &w, len);
	}
}

void fos_gen_payload(uint64_t seed, uint64_t session, int dir, uint64_t offset, uint8_t *buf, size_t len)
{
	fos__gen_fill(fos__gen_payload_base(seed, session, dir), offset, buf, len);
}

void fos__gen_ends(uint64_t session, int ip, struct fos__gen_end end[2])
{
	uint32_t client = (uint32_t)(session / FOS__GEN_PER_CLIENT), server = (uint32_t)(session % FOS__GEN_SERVERS);

	end[0].addr = ip == 4 ? FOS__GEN_CLIENT4 + client : client + 1;
	end[0].port = (uint16_t)(FOS__GEN_CLIENT_PORT + session % FOS__GEN_PER_CLIENT);
	end[1].addr = ip == 4 ? FOS__GEN_SERVER4 + server : server + 1;
	end[1].port = FOS__GEN_SERVER_PORT;
}

const uint8_t *fos__gen_prefix6(int server)
{
	static const uint8_t prefix[2][12] = { { 0xfd, 0, 0, 0, 0, 0, 0, 1 }, { 0xfd, 0, 0, 0, 0, 0, 0, 2 } };

	return prefix[server];
}

/* One side of a key as an end; false where the address is not of the kind that clients or servers have. */
static int end_of(const struct fos_key *key, int side, int server, struct fos__gen_end *end)
{
	const uint8_t *at = key->addr[side] + (key->version == 4 ? 0 : 12);

	end->addr = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
	end->port = key->port[side];
	return key->version == 4 || !memcmp(key->addr[side], fos__gen_prefix6(server), 12);
}

int fos_gen_session_of(const struct fos_key *key, uint64_t *session, int *server)
{
	int s = key->port[1] == FOS__GEN_SERVER_PORT;
	struct fos__gen_end client, srv, want[2];
	uint64_t n;

	if (key->proto != IPPROTO_TCP || (key->version != 4 && key->version != 6))
		return -ENOENT;
	if (!end_of(key, !s, 0, &client) || !end_of(key, s, 1, &srv))
		return -ENOENT;
	n = client.addr - (key->version == 4 ? FOS__GEN_CLIENT4 : 1);
	n = n * FOS__GEN_PER_CLIENT + (uint16_t)(client.port - FOS__GEN_CLIENT_PORT);
	if (n >= FOS__GEN_SESSIONS_MAX)
		return -ENOENT;
	fos__gen_ends(n, key->version, want);
	if (want[0].addr != client.addr || want[0].port != client.port || want[1].addr != srv.addr ||
	    want[1].port != srv.port)
		return -ENOENT;
	*session = n;
	*server = s;
	return 0;
}
