/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pieces.c: see pieces.h. Leaves leave room at either end, so that what is moved is the shorter side. A node is taken
 * before there is a place for it, and parents are split before their children, so that where memory ends the tree is
 * whole. A node's slot in its parent is looked for: that is needed once in some thirty insertions.
 */
#include "pieces.h"

#include <errno.h>
#include <string.h>

#include "fetch.h"
#include "store.h"

enum { AHEAD = 32 }; /* pieces whose origins are fetched before they are taken out */

_Static_assert(sizeof(struct fos__leaf) == 32, "a leaf's arrays begin behind it");

void fos__pieces_init(struct fos__pieces *p, struct fos__store *store)
{
	memset(p, 0, offsetof(struct fos__pieces, small_room));
	p->store = store;
	p->least = UINT64_MAX;
	p->small.cap = FOS_LEAF_INLINE;
	p->first = p->last = &p->small;
}

static size_t leaf_bytes(unsigned cap)
{
	return sizeof(struct fos__leaf) + (size_t)cap * FOS_LEAF_ROOM;
}

static uint64_t *all_from(const struct fos__leaf *l)
{
	return (uint64_t *)(uintptr_t)(l + 1);
}

/* What lies beside the pieces is as pieces.h says. */
static void pad(struct fos__leaf *l)
{
	uint64_t *from = all_from(l);

	if (l->cap < FOS_LEAF_CAP)
		return;
	memset(from, 0, l->at * sizeof(*from));
	memset(from + l->at + l->n, 0xff, (size_t)(l->cap - l->at - l->n) * sizeof(*from));
}

static struct fos__leaf *leaf_new(struct fos__pieces *p, unsigned cap)
{
	struct fos__leaf *l = fos__pool_take(cap == FOS_LEAF_CAP ? &p->store->leaf : &p->store->leaf_few);

	if (!l)
		return NULL;
	*l = (struct fos__leaf){ .cap = (uint16_t)cap };
	p->bytes += leaf_bytes(cap);
	return l;
}

static void leaf_free(struct fos__pieces *p, struct fos__leaf *l)
{
	if (p->finger == l)
		p->finger = NULL;
	if (l == &p->small)
		return;
	p->bytes -= leaf_bytes(l->cap);
	p->store->leaves_freed++;
	fos__pool_give(l);
}

static struct fos__inner *inner_new(struct fos__pieces *p, uint32_t height)
{
	struct fos__inner *in = fos__pool_take(&p->store->inner);

	if (!in)
		return NULL;
	in->parent = NULL;
	in->n = 0;
	in->height = height;
	memset(in->key, 0xff, sizeof(in->key));
	p->bytes += sizeof(*in);
	return in;
}

static void inner_free(struct fos__pieces *p, struct fos__inner *in)
{
	p->bytes -= sizeof(*in);
	fos__pool_give(in);
}

static void adopt(struct fos__inner *in, void *child)
{
	if (in->height == 1)
		((struct fos__leaf *)child)->parent = in;
	else
		((struct fos__inner *)child)->parent = in;
}

static unsigned slot_of(const struct fos__inner *in, const void *child)
{
	unsigned i = 0;

	while (in->child[i] != child)
		i++;
	return i;
}

/* The least key below `child`, a child of `in`, is `key` now. */
static void rekey(struct fos__inner *in, const void *child, uint64_t key)
{
	for (; in; child = in, in = in->parent) {
		unsigned i = slot_of(in, child);

		in->key[i] = key;
		if (i)
			break;
	}
}

static void inner_clear(struct fos__pieces *p, struct fos__inner *in)
{
	for (unsigned i = 0; in->height > 1 && i < in->n; i++)
		inner_clear(p, in->child[i]);
	inner_free(p, in);
}

void fos__pieces_clear(struct fos__pieces *p)
{
	if (p->root)
		inner_clear(p, p->root);
	for (struct fos__leaf *l = p->first, *next; l; l = next) {
		next = l->next;
		leaf_free(p, l);
	}
	fos__pieces_init(p, p->store);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

/* How many of 63 keys in order are at or before `pos`. Nothing branches on what they are: where a random position lies cannot be
 * foreseen. */
static inline unsigned upto(const uint64_t *key, uint64_t pos)
{
	unsigned at;

	at = ((unsigned)(key[15] <= pos) + (unsigned)(key[31] <= pos) + (unsigned)(key[47] <= pos)) * 16;
	key += at;
	at += ((unsigned)(key[3] <= pos) + (unsigned)(key[7] <= pos) + (unsigned)(key[11] <= pos)) * 4;
	key += at & 12;
	return at + (unsigned)(key[0] <= pos) + (unsigned)(key[1] <= pos) + (unsigned)(key[2] <= pos);
}

_Static_assert(FOS_LEAF_CAP == 63 && FOS_INNER_CAP == 63, "upto() looks at so many");

/* How many pieces of the leaf begin at or before `pos`. */
static unsigned leaf_upto(const struct fos__leaf *l, uint64_t pos)
{
	unsigned n = 0;

	if (l->cap == FOS_LEAF_CAP)
		return upto(all_from(l), pos) - l->at;
	while (n < l->n && fos__leaf_from(l)[n] <= pos)
		n++;
	return n;
}

/* The leaf where a piece at `pos` would be. */
static struct fos__leaf *descend(const struct fos__pieces *p, uint64_t pos)
{
	const struct fos__inner *in = p->root;

	if (!in)
		return p->first;
	for (;;) {
		unsigned n = upto(in->key, pos);
		void *child = in->child[n ? n - 1 : 0];

		if (in->height == 1) {
			for (unsigned i = 0; i < 64; i += 16) /* the keys that are looked at first, and `at` */
				__builtin_prefetch((const uint64_t *)child + i + 3);
			return child;
		}
		in = child;
	}
}

struct fos__leaf *fos__pieces_fetch_leaf(const struct fos__pieces *p, uint64_t pos)
{
	return p->root ? descend(p, pos) : NULL;
}

struct fos__cursor fos__pieces_fetch_place(struct fos__leaf *l, uint64_t pos)
{
	unsigned n = leaf_upto(l, pos);
	struct fos__cursor c = { .leaf = l, .i = n ? n - 1 : 0 };

	__builtin_prefetch(fos__cursor_rest(c), 1);
	return c;
}

const struct fos__origin *fos__pieces_fetch_origin(struct fos__cursor c, uint64_t pos, uint64_t to)
{
	if (c.i >= c.leaf->n || fos__cursor_from(c) >= to || pos >= fos__cursor_to(c))
		return NULL;
	__builtin_prefetch(fos__cursor_rest(c)->origin);
	return fos__cursor_rest(c)->origin;
}

struct fos__cursor fos__pieces_seek(const struct fos__pieces *p, uint64_t pos)
{
	const struct fos__leaf *f = p->finger;
	struct fos__leaf *l = p->last;

	if (!p->count)
		return (struct fos__cursor){ .leaf = NULL };
	if (pos >= fos__leaf_from(l)[l->n - 1]) { /* behind all, or in the last one */
		if (fos__leaf_from(l)[l->n - 1] + fos__leaf_rest(l)[l->n - 1].len <= pos)
			return (struct fos__cursor){ .leaf = NULL };
		return (struct fos__cursor){ .leaf = l, .i = l->n - 1u };
	}
	if (pos < fos__leaf_from(p->first)[0])
		return (struct fos__cursor){ .leaf = p->first };
	if (f && fos__leaf_from(f)[0] <= pos && pos < fos__leaf_from(f)[f->n - 1])
		l = p->finger;
	else
		l = descend(p, pos);
	unsigned i = leaf_upto(l, pos); /* at least 1: its first one, or the set's, is not behind pos */
	struct fos__cursor c = { .leaf = l, .i = i - 1 };

	if (fos__cursor_to(c) <= pos)
		fos__cursor_next(&c);
	return c;
}

/* ---- putting in --------------------------------------------------------------------------------------------------- */

/* Copies n pieces from place i of one leaf to place j of another, or of the same. */
static void move(struct fos__leaf *to, unsigned j, const struct fos__leaf *from, unsigned i, unsigned n)
{
	memmove(fos__leaf_from(to) + j, fos__leaf_from(from) + i, n * sizeof(uint64_t));
	memmove(fos__leaf_rest(to) + j, fos__leaf_rest(from) + i, n * sizeof(struct fos__piece_rest));
}

/* Puts a child behind child number `slot` - 1; there is room. */
static void add_child(struct fos__inner *in, unsigned slot, uint64_t key, void *child)
{
	memmove(in->key + slot + 1, in->key + slot, (in->n - slot) * sizeof(in->key[0]));
	memmove(in->child + slot + 1, in->child + slot, (in->n - slot) * sizeof(in->child[0]));
	in->key[slot] = key;
	in->child[slot] = child;
	in->n++;
	adopt(in, child);
}

/* A root above `child`, which was the root. */
static int raise_root(struct fos__pieces *p, void *child, uint32_t height)
{
	struct fos__inner *root = inner_new(p, height);

	if (!root)
		return -ENOMEM;
	add_child(root, 0, 0, child);
	p->root = root;
	return 0;
}

/* Sees that `in` has room for one more child: it may be split, and a child be in the other half then. */
static int make_room(struct fos__pieces *p, struct fos__inner *in)
{
	enum { HALF = FOS_INNER_CAP / 2 };
	struct fos__inner *right;

	if (in->n < FOS_INNER_CAP)
		return 0;
	right = inner_new(p, in->height);
	if (!right)
		return -ENOMEM;
	if (in->parent ? make_room(p, in->parent) : raise_root(p, in, in->height + 1)) {
		inner_free(p, right);
		return -ENOMEM;
	}
	for (unsigned i = HALF; i < in->n; i++)
		add_child(right, i - HALF, in->key[i], in->child[i]);
	in->n = HALF;
	memset(in->key + HALF, 0xff, (FOS_INNER_CAP - HALF) * sizeof(in->key[0]));
	add_child(in->parent, slot_of(in->parent, in) + 1, right->key[0], right);
	return 0;
}

/* A new leaf, not linked yet, with room for it beside `l`; NULL: no memory. */
static struct fos__leaf *sibling(struct fos__pieces *p, struct fos__leaf *l)
{
	struct fos__leaf *new = leaf_new(p, FOS_LEAF_CAP);

	if (new && (l->parent ? make_room(p, l->parent) : raise_root(p, l, 1))) {
		leaf_free(p, new);
		return NULL;
	}
	return new;
}

static void link_leaf(struct fos__pieces *p, struct fos__leaf *prev, struct fos__leaf *l, struct fos__leaf *next)
{
	l->prev = prev;
	l->next = next;
	*(prev ? &prev->next : &p->first) = l;
	*(next ? &next->prev : &p->last) = l;
}

/* The one leaf there is gets larger. */
static int grow(struct fos__pieces *p, struct fos__cursor *c)
{
	struct fos__leaf *l = c->leaf;
	struct fos__leaf *r = leaf_new(p, l->cap < FOS_LEAF_FEW ? FOS_LEAF_FEW : FOS_LEAF_CAP);

	if (!r)
		return -ENOMEM;
	r->n = l->n;
	r->at = (uint16_t)(c->i == l->n ? 0 : c->i == 0 ? r->cap - r->n : (r->cap - r->n) / 2);
	move(r, 0, l, 0, l->n);
	pad(r);
	leaf_free(p, l);
	p->first = p->last = c->leaf = r;
	return 0;
}

/* The leaf is full: makes room at *c, which may then be in another one. At an end of the leaf a new one begins. */
static int split(struct fos__pieces *p, struct fos__cursor *c)
{
	struct fos__leaf *l = c->leaf, *r;
	unsigned keep = c->i == l->n ? l->n : l->n / 2u, slot;

	if (l->cap < FOS_LEAF_CAP)
		return grow(p, c);
	r = sibling(p, l);
	if (!r)
		return -ENOMEM;
	slot = slot_of(l->parent, l);
	if (c->i == 0) { /* in front of it; who puts the piece in says what the key is, if it is not the leftmost */
		add_child(l->parent, slot, l->prev ? l->parent->key[slot] : 0, r);
		l->parent->key[slot + 1] = fos__leaf_from(l)[0];
		link_leaf(p, l->prev, r, l);
		r->at = FOS_LEAF_CAP;
		pad(r);
		c->leaf = r;
		return 0;
	}
	link_leaf(p, l, r, l->next);
	r->n = (uint16_t)(l->n - keep);
	r->at = (uint16_t)(r->n ? (FOS_LEAF_CAP - r->n) / 2 : 0);
	move(r, 0, l, keep, r->n);
	l->n = (uint16_t)keep;
	pad(r);
	pad(l);
	add_child(l->parent, slot + 1, r->n ? fos__leaf_from(r)[0] : 0, r);
	if (c->i >= keep)
		*c = (struct fos__cursor){ .leaf = r, .i = c->i - keep };
	return 0;
}

/* Where before *c there is room: at the end of the leaf before it, at its own place, or nowhere. */
static void prefer(const struct fos__pieces *p, struct fos__cursor *c)
{
	if (!c->leaf)
		*c = (struct fos__cursor){ .leaf = p->last, .i = p->last->n };
	else if (c->i == 0 && c->leaf->prev && (c->leaf->prev->n < FOS_LEAF_CAP || c->leaf->n == FOS_LEAF_CAP))
		*c = (struct fos__cursor){ .leaf = c->leaf->prev, .i = c->leaf->prev->n };
}

static void put(struct fos__leaf *l, unsigned i, const struct fos__piece *x)
{
	fos__leaf_from(l)[i] = x->from;
	fos__leaf_rest(l)[i] = (struct fos__piece_rest){
		.stamp_ns = x->stamp_ns, .origin = x->origin, .len = x->len, .stamp_pkts = x->stamp_pkts
	};
}

/* Behind all, in the last leaf, where there is room and a piece already: nothing moves, and no key changes. */
static bool append(struct fos__pieces *p, struct fos__cursor *c, const struct fos__piece *x)
{
	struct fos__leaf *l = p->last;

	if (c->leaf || l->n == 0 || l->at + l->n == l->cap)
		return false;
	put(l, l->n, x);
	*c = (struct fos__cursor){ .leaf = l, .i = l->n };
	l->n++;
	p->count++;
	p->finger = l;
	return true;
}

int fos__pieces_insert(struct fos__pieces *p, struct fos__cursor *c, const struct fos__piece *x)
{
	struct fos__cursor at = *c;
	struct fos__leaf *l;

	if (append(p, c, x))
		return 0;
	prefer(p, &at);
	if (at.leaf->n == at.leaf->cap && split(p, &at))
		return -ENOMEM;
	l = at.leaf;
	if (l->at > 0 && (at.i < l->n / 2u || l->at + l->n == l->cap)) {
		l->at--;
		move(l, 0, l, 1, at.i);
	} else {
		move(l, at.i + 1, l, at.i, l->n - at.i);
	}
	l->n++;
	put(l, at.i, x);
	if (at.i == 0 && l != p->first)
		rekey(l->parent, l, x->from);
	if (x->from < p->least)
		p->least = x->from;
	p->count++;
	p->finger = l;
	*c = at;
	return 0;
}

/* ---- taking out --------------------------------------------------------------------------------------------------- */

static void remove_child(struct fos__pieces *p, struct fos__inner *in, const void *child)
{
	unsigned slot = slot_of(in, child);

	in->n--;
	memmove(in->key + slot, in->key + slot + 1, (in->n - slot) * sizeof(in->key[0]));
	memmove(in->child + slot, in->child + slot + 1, (in->n - slot) * sizeof(in->child[0]));
	in->key[in->n] = UINT64_MAX;
	if (in->n == 0) { /* the root has two children or more: it has a parent */
		remove_child(p, in->parent, in);
		inner_free(p, in);
		return;
	}
	if (slot == 0 && in->parent)
		rekey(in->parent, in, in->key[0]);
	while (p->root->n == 1) {
		struct fos__inner *old = p->root;

		p->root = old->height > 1 ? old->child[0] : NULL;
		if (p->root)
			p->root->parent = NULL;
		else
			((struct fos__leaf *)old->child[0])->parent = NULL;
		inner_free(p, old);
		if (!p->root)
			break;
	}
}

static void note_least(struct fos__pieces *p)
{
	p->least = p->count ? fos__leaf_from(p->first)[0] : UINT64_MAX;
}

/* An empty leaf goes; the only one is left to be the set's own. */
static void remove_leaf(struct fos__pieces *p, struct fos__leaf *l)
{
	if (!l->parent) {
		leaf_free(p, l);
		p->small = (struct fos__leaf){ .cap = FOS_LEAF_INLINE };
		p->first = p->last = &p->small;
		return;
	}
	*(l->prev ? &l->prev->next : &p->first) = l->next;
	*(l->next ? &l->next->prev : &p->last) = l->prev;
	remove_child(p, l->parent, l);
	if (!l->prev)
		for (struct fos__inner *in = p->first->parent; in; in = in->parent)
			in->key[0] = 0;
	leaf_free(p, l);
}

/* Joins `r` to the leaf before it where both have little. */
static bool join(struct fos__pieces *p, struct fos__leaf *r)
{
	struct fos__leaf *l = r ? r->prev : NULL;

	if (!l || l->n + r->n > FOS_LEAF_CAP / 2)
		return false;
	if (l->at + l->n + r->n > l->cap) {
		uint16_t was = l->at;

		l->at = 0;
		memmove(fos__leaf_from(l), fos__leaf_from(l) + was, l->n * sizeof(uint64_t));
		memmove(fos__leaf_rest(l), fos__leaf_rest(l) + was, l->n * sizeof(struct fos__piece_rest));
	}
	move(l, l->n, r, 0, r->n);
	l->n = (uint16_t)(l->n + r->n);
	pad(l);
	remove_leaf(p, r);
	return true;
}

static void erase(struct fos__pieces *p, struct fos__cursor *c)
{
	struct fos__leaf *l = c->leaf, *prev = l->prev;
	unsigned before = prev ? prev->n : 0;

	if (c->i < l->n / 2u) {
		move(l, 1, l, 0, c->i);
		fos__leaf_from(l)[0] = 0;
		l->at++;
	} else {
		move(l, c->i, l, c->i + 1, l->n - c->i - 1u);
		fos__leaf_from(l)[l->n - 1] = UINT64_MAX;
	}
	l->n--;
	p->count--;
	if (l->n == 0) {
		*c = (struct fos__cursor){ .leaf = l->next };
		remove_leaf(p, l);
		return;
	}
	if (c->i == 0 && l != p->first)
		rekey(l->parent, l, fos__leaf_from(l)[0]);
	if (l->n < FOS_LEAF_CAP / 4 && l->parent) {
		join(p, l->next);
		if (join(p, l))
			*c = (struct fos__cursor){ .leaf = prev, .i = c->i + before };
	}
	if (c->i == c->leaf->n)
		*c = (struct fos__cursor){ .leaf = c->leaf->next };
}

void fos__pieces_erase(struct fos__pieces *p, struct fos__cursor *c)
{
	erase(p, c);
	note_least(p);
}

void fos__pieces_narrow(struct fos__pieces *p, struct fos__cursor c, uint64_t from, uint32_t len)
{
	fos__cursor_rest(c)->len = len;
	if (fos__cursor_from(c) == from)
		return;
	fos__leaf_from(c.leaf)[c.i] = from;
	if (c.i == 0 && c.leaf != p->first)
		rekey(c.leaf->parent, c.leaf, from);
	note_least(p);
}

/* What is taken out next: the origins of the pieces, and, where they end, the leaf behind theirs. */
static FOS__FETCHES void fetch_next(const struct fos__pieces *p)
{
	const struct fos__leaf *l = p->first, *next = l->next;

	for (unsigned i = 0; i < AHEAD && i < l->n; i++)
		__builtin_prefetch(fos__leaf_rest(l)[i].origin, 1);
	for (size_t at = 0; next && l->n <= AHEAD && at < sizeof(*l) + FOS_LEAF_CAP * FOS_LEAF_ROOM; at += 64)
		__builtin_prefetch((const char *)next + at, 1);
}

unsigned fos__pieces_pop(struct fos__pieces *p, uint64_t next, struct fos__piece *out, unsigned max)
{
	struct fos__leaf *l = p->first;
	const uint64_t *from = fos__leaf_from(l);
	const struct fos__piece_rest *rest = fos__leaf_rest(l);
	unsigned n = 0;

	if (l->n == 0 || from[0] > next)
		return 0;
	do {
		out[n] = (struct fos__piece){ .from = from[n],
			                      .stamp_ns = rest[n].stamp_ns,
			                      .origin = rest[n].origin,
			                      .len = rest[n].len,
			                      .stamp_pkts = rest[n].stamp_pkts };
		__builtin_prefetch(rest[n].origin, 1);
		n++;
	} while (n < max && n < l->n && from[n] == out[n - 1].from + out[n - 1].len);
	memset(fos__leaf_from(l), 0, n * sizeof(uint64_t));
	l->at = (uint16_t)(l->at + n);
	l->n = (uint16_t)(l->n - n);
	p->count -= n;
	if (l->n == 0)
		remove_leaf(p, l);
	note_least(p);
	fetch_next(p);
	return n;
}
