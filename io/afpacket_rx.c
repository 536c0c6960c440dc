/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afpacket_rx.c: packets out of a receive ring: slots of TPACKET_V2, blocks of TPACKET_V3. Touches the ring only.
 *
 * A slot or block is ours from the moment its status word says so until that word is set back, which the next rx does
 * for all that the last one gave out; a block when its last packet was.
 */
#include "afpacket.h"

#include <string.h>

enum { TAG = 4, ADDRESSES = 12 };

/* Super-packets in a batch: what was fetched is sent on while it lies in the processor's own cache. */
enum { BIG_BYTES = 256 << 10 };

/* Puts the tag that the kernel took out back behind the addresses, which move into the room before them. The offload
 * header there has been read. */
static uint8_t *put_tag_back(uint8_t *mac, uint16_t tci, uint16_t tpid)
{
	uint8_t *to = mac - TAG;

	memmove(to, mac, ADDRESSES);
	to[ADDRESSES] = (uint8_t)(tpid >> 8);
	to[ADDRESSES + 1] = (uint8_t)tpid;
	to[ADDRESSES + 2] = (uint8_t)(tci >> 8);
	to[ADDRESSES + 3] = (uint8_t)tci;
	return to;
}

void fos__vnet_read(const struct virtio_net_hdr *v, uint32_t moved, struct fos_frame *f)
{
	if (v->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		f->flags |= FOS_FRAME_CSUM_PARTIAL | FOS_FRAME_CSUM_OK;
		f->csum_start = (uint16_t)(v->csum_start + moved);
		f->csum_offset = v->csum_offset;
	} else if (v->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		f->flags |= FOS_FRAME_CSUM_OK;
	}
	f->gso_type = v->gso_type;
	f->gso_size = v->gso_size;
}

static void fill(struct fos__afpacket *a, const struct fos__taken *t, uint64_t ts_ns, struct fos_frame *f)
{
	bool tagged = t->status & TP_STATUS_VLAN_VALID && t->snaplen >= ADDRESSES;
	uint32_t moved = tagged ? TAG : 0;

	*f = (struct fos_frame){ .data = t->mac,
		                 .ts_ns = ts_ns,
		                 .num = ++a->num,
		                 .len = t->snaplen + moved,
		                 .wire_len = t->len + moved,
		                 .linktype = 1,
		                 .port = a->opts.port };
	if (t->status & (TP_STATUS_CSUM_VALID | TP_STATUS_CSUMNOTREADY))
		f->flags |= FOS_FRAME_CSUM_OK;
	if (!a->opts.no_offloads)
		fos__vnet_read(&t->vnet, moved, f);
	if (tagged)
		f->data = put_tag_back(t->mac, t->tci, t->status & TP_STATUS_VLAN_TPID_VALID ? t->tpid : 0x8100);
	a->stats.rx_packets++;
	a->stats.rx_bytes += f->len;
}

/* What stands before a packet in the ring. */
static struct virtio_net_hdr vnet_at(const uint8_t *mac)
{
	struct virtio_net_hdr v;

	memcpy(&v, mac - FOS__VNET, FOS__VNET);
	return v;
}

/* Fills in the frames, of which `n` are in the queue: those whose place in the batch is in `which`. What is not there is left
 * out of the batch. */
static uint32_t fetch_big(struct fos__afpacket *a, struct fos_batch *b, uint32_t taken, const uint8_t *which,
                          uint32_t n)
{
	struct fos__taken big[FOS_BATCH_MAX];
	uint32_t got = fos__big_take(a->big, a->rx_fd, !a->opts.no_offloads, n, big);

	for (uint32_t i = 0; i < got; i++) {
		struct fos_frame *f = &b->pkt[which[i]].f;

		fill(a, &big[i], f->ts_ns, f);
	}
	for (uint32_t i = got; i < n; i++, taken--) { /* never seen, but a hole in the batch must not be */
		a->stats.drops++;
		memmove(&b->pkt[which[i] - (i - got)], &b->pkt[which[i] - (i - got) + 1],
		        (taken - 1 - (which[i] - (i - got))) * sizeof b->pkt[0]);
	}
	return taken;
}

static uint32_t take_frames(struct fos__afpacket *a, struct fos_batch *b)
{
	uint32_t n = 0, big = 0, bytes = 0;
	uint8_t which[FOS_BATCH_MAX];

	for (; n < FOS_BATCH_MAX && bytes < BIG_BYTES && a->given < a->rx.slots; a->given++) {
		struct tpacket2_hdr *h = (struct tpacket2_hdr *)fos__ring_slot(&a->rx, a->at);
		uint32_t status = fos__status_get(&h->tp_status);
		uint64_t ts_ns = h->tp_sec * UINT64_C(1000000000) + h->tp_nsec;
		uint8_t *mac = (uint8_t *)h + h->tp_mac;

		if (!(status & TP_STATUS_USER))
			break;
		a->at = a->at + 1 == a->rx.slots ? 0 : a->at + 1;
		if (status & TP_STATUS_COPY) {
			which[big++] = (uint8_t)n;
			bytes += h->tp_len;
			b->pkt[n++].f.ts_ns = ts_ns;
		} else if (h->tp_snaplen < h->tp_len && a->big) {
			a->stats.drops++; /* the queue was full */
		} else {
			fill(a,
			     &(struct fos__taken){ mac, status, h->tp_snaplen, h->tp_len, h->tp_vlan_tci,
			                           h->tp_vlan_tpid,
			                           a->opts.no_offloads ? (struct virtio_net_hdr){ 0 } : vnet_at(mac) },
			     ts_ns, &b->pkt[n++].f);
		}
	}
	return big ? fetch_big(a, b, n, which, big) : n;
}

static struct tpacket_block_desc *block(const struct fos__afpacket *a, uint32_t i)
{
	return (struct tpacket_block_desc *)(a->rx.base + (size_t)i * a->rx.block_bytes);
}

/* Opens the next block that has packets. A block may come without any, then it is given back with the others. */
static bool open_block(struct fos__afpacket *a)
{
	while (!a->left && a->given < a->rx.blocks) {
		struct tpacket_block_desc *d = block(a, a->at);

		if (!(fos__status_get(&d->hdr.bh1.block_status) & TP_STATUS_USER))
			return false;
		a->left = d->hdr.bh1.num_pkts;
		a->next = (uint8_t *)d + d->hdr.bh1.offset_to_first_pkt;
		a->at = a->at + 1 == a->rx.blocks ? 0 : a->at + 1;
		a->given++;
	}
	return a->left;
}

static uint32_t take_blocks(struct fos__afpacket *a, struct fos_batch *b)
{
	uint32_t n = 0;

	while (n < FOS_BATCH_MAX && open_block(a)) {
		struct tpacket3_hdr *h = (struct tpacket3_hdr *)a->next;
		uint8_t *mac = (uint8_t *)h + h->tp_mac;

		fill(a,
		     &(struct fos__taken){ mac, h->tp_status, h->tp_snaplen, h->tp_len, (uint16_t)h->hv1.tp_vlan_tci,
		                           h->hv1.tp_vlan_tpid,
		                           a->opts.no_offloads ? (struct virtio_net_hdr){ 0 } : vnet_at(mac) },
		     h->tp_sec * UINT64_C(1000000000) + h->tp_nsec, &b->pkt[n++].f);
		a->next += h->tp_next_offset;
		a->left--;
	}
	return n;
}

uint32_t fos__afpacket_take(struct fos__afpacket *a, struct fos_batch *b)
{
	return a->opts.rx == FOS_AFPACKET_BLOCKS ? take_blocks(a, b) : take_frames(a, b);
}

void fos__afpacket_release(struct fos__afpacket *a)
{
	bool blocks = a->opts.rx == FOS_AFPACKET_BLOCKS;
	uint32_t keep = blocks && a->left ? 1 : 0; /* the block that is half read */
	uint32_t all = blocks ? a->rx.blocks : a->rx.slots;

	for (; a->given > keep; a->given--) {
		uint32_t i = (a->at + all - a->given) % all;

		if (blocks)
			fos__status_set(&block(a, i)->hdr.bh1.block_status, TP_STATUS_KERNEL);
		else
			fos__status_set(&((struct tpacket2_hdr *)fos__ring_slot(&a->rx, i))->tp_status,
			                TP_STATUS_KERNEL);
	}
}
