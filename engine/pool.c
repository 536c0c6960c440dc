/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pool.c: see pool.h. An element that was given back holds the address of the next such one. A chunk that is empty
 * begins anew, so that what is taken one after the other lies one behind the other.
 */
#include "pool.h"

#include <sys/mman.h>

#include "fetch.h"

/* The address sanitizer is told what is taken. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
void __asan_poison_memory_region(const volatile void *at, size_t len);
void __asan_unpoison_memory_region(const volatile void *at, size_t len);
#define HIDE(at, len) __asan_poison_memory_region(at, len)
#define SHOW(at, len) __asan_unpoison_memory_region(at, len)
#else
#define HIDE(at, len) ((void)(at), (void)(len))
#define SHOW(at, len) ((void)(at), (void)(len))
#endif

enum {
	CHUNK = 2 << 20,
	HEAD = 64,  /* bytes before the first element */
	SPARE = 8,  /* chunks that stay though they are empty */
	SMALL = 1,  /* a pool with no more chunks than this wants no huge pages */
	NEAR = 192, /* bytes of the element to be taken next that are fetched */
};

struct fos__pool_chunk {
	struct fos__pool *pool;
	struct fos__pool_chunk *next, **link; /* in the pool's list of open ones; link NULL: it is full */
	void *free;                           /* first of those given back */
	uint32_t fresh;                       /* offset of what was never taken */
	uint32_t used;
};

_Static_assert(sizeof(struct fos__pool_chunk) <= HEAD, "elements begin behind it");

void fos__pool_init(struct fos__pool *p, size_t size)
{
	*p = (struct fos__pool){ .size = (uint32_t)((size + 15) & ~(size_t)15) };
}

static void open_chunk(struct fos__pool *p, struct fos__pool_chunk *c)
{
	c->next = p->open;
	c->link = &p->open;
	if (c->next)
		c->next->link = &c->next;
	p->open = c;
}

static void close_chunk(struct fos__pool_chunk *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->link = NULL;
}

/* A mapping of CHUNK bytes that begins at a multiple of it, or NULL. */
static void *map_aligned(void)
{
	uint8_t *m = mmap(NULL, 2 * CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED)
		return NULL;
	size_t before = -(uintptr_t)m & (CHUNK - 1);

	if (before)
		munmap(m, before);
	munmap(m + before + CHUNK, CHUNK - before);
	return m + before;
}

static struct fos__pool_chunk *grow(struct fos__pool *p)
{
	struct fos__pool_chunk *c = map_aligned();

	if (!c)
		return NULL;
	if (p->chunks >= SMALL)
		madvise(c, CHUNK, MADV_HUGEPAGE);
	p->chunks++;
	p->empty++;
	*c = (struct fos__pool_chunk){ .pool = p, .fresh = HEAD };
	HIDE((uint8_t *)c + HEAD, CHUNK - HEAD);
	open_chunk(p, c);
	return c;
}

static void drop_chunk(struct fos__pool *p, struct fos__pool_chunk *c)
{
	close_chunk(c);
	p->chunks--;
	p->empty--;
	SHOW(c, CHUNK);
	munmap(c, CHUNK);
}

void fos__pool_free(struct fos__pool *p)
{
	for (struct fos__pool_chunk *c = p->open, *next; c; c = next) {
		next = c->next;
		if (!c->used)
			drop_chunk(p, c);
	}
}

/* It is taken next, and to find out which one comes after it has to be read. (May be NULL, to which nothing may be added as
 * long as it is a pointer.) */
static FOS__FETCHES void fetch_next(const struct fos__pool *p, const void *e)
{
	for (uint32_t at = 0; at < p->size && at < NEAR; at += 64)
		__builtin_prefetch((const void *)((uintptr_t)e + at), 1);
}

void *fos__pool_take(struct fos__pool *p)
{
	struct fos__pool_chunk *c = p->open ? p->open : grow(p);

	if (!c)
		return NULL;
	void *e = c->free;

	if (e) {
		c->free = *(void **)e;
		fetch_next(p, c->free);
	} else {
		e = (uint8_t *)c + c->fresh;
		c->fresh += p->size;
	}
	p->empty -= c->used++ == 0;
	if (!c->free && c->fresh + p->size > CHUNK)
		close_chunk(c);
	SHOW(e, p->size);
	return e;
}

void fos__pool_give(void *element)
{
	struct fos__pool_chunk *c = (struct fos__pool_chunk *)((uintptr_t)element & ~(uintptr_t)(CHUNK - 1));
	struct fos__pool *p = c->pool;

	*(void **)element = c->free;
	c->free = element;
	HIDE((uint8_t *)element + sizeof(void *), p->size - sizeof(void *));
	if (!c->link)
		open_chunk(p, c);
	if (--c->used)
		return;
	c->free = NULL;
	c->fresh = HEAD;
	HIDE((uint8_t *)c + HEAD, CHUNK - HEAD);
	if (++p->empty > SPARE)
		drop_chunk(p, c);
}
