/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afxdp_program.c: the program in front of the kernel's stack. Touches bpf(2), by libbpf.
 *
 * It is here, as instructions, and not libxdp's own: that one is attached in a way that outlives a program that is killed,
 * and loses VLAN tags. This one hangs on a link, which the kernel takes away with its descriptor; and where the sender's
 * kernel left a tag beside the packet (veth), it puts it back: a function of the kernel (Linux 6.8) tells it.
 */
#include "afxdp.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>

#define INSN(operation, to, from, offset, value)                                                                       \
	{                                                                                                              \
		.code = (operation), .dst_reg = (to), .src_reg = (from), .off = (offset), .imm = (value)               \
	}
#define COPY(to, from)                INSN(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0)
#define SET(to, value)                INSN(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value)
#define ADD(to, value)                INSN(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value)
#define LOAD(size, to, from, offset)  INSN(BPF_LDX | BPF_MEM | (size), to, from, offset, 0)
#define STORE(size, to, offset, from) INSN(BPF_STX | BPF_MEM | (size), to, from, offset, 0)
#define CALL(function)                INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define EXIT                          INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

enum { DEV_BOUND = 1 << 6 }; /* BPF_F_XDP_DEV_BOUND_ONLY, which is not in every linux/bpf.h */
enum { TAG = 4, CTX_DATA = 0, CTX_DATA_END = 4, CTX_QUEUE = 16, PROTO = -8, TCI = -6 };

/* From BEGIN: puts back a tag that is beside the packet; a packet that cannot have it back is dropped, as it must not be
 * taken for one without. From REDIRECT: to the socket of the packet's queue, or where there is none, to the host. */
enum { KFUNC = 6, REDIRECT = 28, MAP = REDIRECT };
static const struct bpf_insn code[] = {
	COPY(6, 1),
	INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, PROTO, 0),
	COPY(2, 10),
	ADD(2, PROTO),
	COPY(3, 10),
	ADD(3, TCI),
	INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, 0), /* bpf_xdp_metadata_rx_vlan_tag(ctx, proto, tci) */
	INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 20, 0),             /* there is no tag: to REDIRECT */
	COPY(1, 6),
	SET(2, -TAG),
	CALL(BPF_FUNC_xdp_adjust_head),
	INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 22, 0), /* no room: to the last two */
	LOAD(BPF_W, 2, 6, CTX_DATA),
	LOAD(BPF_W, 3, 6, CTX_DATA_END),
	COPY(1, 2),
	ADD(1, 14 + TAG),
	INSN(BPF_JMP | BPF_JGT | BPF_X, 1, 3, 17, 0), /* no Ethernet: to the last two */
	LOAD(BPF_W, 1, 2, TAG),                       /* the addresses move down */
	STORE(BPF_W, 2, 0, 1),
	LOAD(BPF_W, 1, 2, TAG + 4),
	STORE(BPF_W, 2, 4, 1),
	LOAD(BPF_W, 1, 2, TAG + 8),
	STORE(BPF_W, 2, 8, 1),
	LOAD(BPF_H, 1, 10, PROTO),
	STORE(BPF_H, 2, 12, 1),
	LOAD(BPF_H, 1, 10, TCI),
	INSN(BPF_ALU | BPF_END | BPF_TO_BE, 1, 0, 0, 16),
	STORE(BPF_H, 2, 14, 1),
	INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, 0), /* REDIRECT */
	INSN(0, 0, 0, 0, 0),
	LOAD(BPF_W, 2, 6, CTX_QUEUE),
	SET(3, XDP_PASS),
	CALL(BPF_FUNC_redirect_map),
	EXIT,
	SET(0, XDP_DROP),
	EXIT,
};

enum { CODE = sizeof code / sizeof code[0] };

/* The kernel's number of the function that tells a packet's tag, or a negative errno. */
static int tag_function(void)
{
	struct btf *kernel = btf__load_vmlinux_btf();
	int id = kernel ? btf__find_by_name_kind(kernel, "bpf_xdp_metadata_rx_vlan_tag", BTF_KIND_FUNC) : -ENOENT;

	btf__free(kernel);
	return id;
}

/* With tags it is a program of this interface, and of none that has its name later. */
static int load_program(struct fos__afxdp *a, bool tags)
{
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = BPF_XDP);
	struct bpf_insn insn[CODE];
	int function = 0;

	memcpy(insn, code, sizeof code);
	insn[MAP].imm = a->map;
	if (tags) {
		function = tag_function();
		if (function < 0)
			return function;
		insn[KFUNC].imm = function;
		o.prog_flags = DEV_BOUND;
		o.prog_ifindex = (uint32_t)a->nic.ifindex;
	} else {
		insn[REDIRECT - 1] = insn[0];
	}
	/* The kernel's function is for programs under the GPL or a licence beside it. */
	a->program = tags ? bpf_prog_load(BPF_PROG_TYPE_XDP, "flowos", "Dual BSD/GPL", insn, CODE, &o)
	                  : bpf_prog_load(BPF_PROG_TYPE_XDP, "flowos", "Dual BSD/GPL", insn + REDIRECT - 1,
	                                  CODE - 2 - (REDIRECT - 1), &o);
	return a->program < 0 ? a->program : 0;
}

int fos__xdp_load(struct fos__afxdp *a)
{
	bool tags = a->native && !a->nic.hardware;
	int ret;

	a->map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "flowos", sizeof(int), sizeof(int), a->queues, NULL);
	if (a->map < 0)
		return fos__afxdp_failed(a, "a map of sockets", -a->map);
	ret = load_program(a, tags);
	if (!ret)
		return 0;
	if (!tags || ret == -EPERM)
		return fos__afxdp_failed(a, "an XDP program", -ret);
	return fos__afxdp_failed(a, "the kernel does not tell an XDP program of its VLAN tags", ENOTSUP);
}

int fos__xdp_put(struct fos__afxdp *a, uint32_t queue)
{
	int fd = xsk_socket__fd(a->queue[queue].xsk), ret = bpf_map_update_elem(a->map, &queue, &fd, 0);

	return ret ? fos__afxdp_failed(a, "a map of sockets", -ret) : 0;
}

int fos__xdp_attach(struct fos__afxdp *a)
{
	LIBBPF_OPTS(bpf_link_create_opts, o, .flags = a->native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);

	a->link = bpf_link_create(a->program, a->nic.ifindex, BPF_XDP, &o);
	return a->link < 0 ? fos__afxdp_failed(a, "attaching an XDP program", -a->link) : 0;
}

void fos__xdp_unload(struct fos__afxdp *a)
{
	if (a->link >= 0)
		close(a->link);
	if (a->program >= 0)
		close(a->program);
	if (a->map >= 0)
		close(a->map);
	a->link = a->program = a->map = -1;
}
