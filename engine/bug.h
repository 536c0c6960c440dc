/* SPDX-License-Identifier: BSD-2-Clause
 *
 * bug.h: bugs on purpose, one at a time, for the tests that show that such a bug is found (tests/bugs). In every other build
 * FOS_BUG(…) is the constant 0, and the compiler leaves nothing of it.
 *
 * With FLOWOS_BUGS defined, which tests/bugs alone does, the environment variable FLOWOS_BUG names the one that is on.
 */
#ifndef FLOWOS_BUG_H
#define FLOWOS_BUG_H

/* Name in the source, name in FLOWOS_BUG, what it does. */
#define FOS_BUGS(BUG)                                                                                                  \
	BUG(WRAP, "wrap", "a sequence number is compared as if it never wrapped")                                      \
	BUG(OVERLAP, "overlap", "of two segments with the same start the later one wins")                              \
	BUG(FIN_BEFORE_DATA, "fin-before-data", "a FIN ends its direction although data is missing")                   \
	BUG(DUPLICATE_EDGE, "duplicate-edge", "a duplicate that ends at the next byte moves it on by one")             \
	BUG(GAP_ACCOUNTING, "gap-accounting", "a gap is reported one byte too short")                                  \
	BUG(PORT_REUSE, "port-reuse", "the second use of a 4-tuple is taken as the first")                             \
	BUG(FRAGMENT_ORDER, "fragment-order", "a datagram's last fragment that comes first says no length")            \
	BUG(CAP, "cap", "a hole that a cap gives up is not reported as a gap")                                         \
	BUG(SYN_DATA, "syn-data", "data on a SYN is dropped")                                                          \
	BUG(HOLE_WAIT, "hole-wait", "a hole is given up as soon as an ACK is beyond it")                               \
	BUG(CHECKSUM, "checksum", "a wrong TCP checksum is right")                                                     \
	BUG(KEEPALIVE, "keepalive", "the byte of a keep-alive probe is data")                                          \
	BUG(MID_START, "mid-start", "a stream without a SYN starts one byte too late")                                 \
	BUG(DRAIN, "drain", "a held piece that another one follows directly is forgotten")                             \
	BUG(PADDING, "padding", "an Ethernet frame's padding is payload")                                              \
	BUG(CRASH, "crash", "the engine dies of a datagram whose first fragment comes last")

#ifdef FLOWOS_BUGS

#define FOS__BUG_NUMBER(name, text, what) FOS__BUG_##name,
enum fos__bug { FOS__BUG_NONE, FOS_BUGS(FOS__BUG_NUMBER) FOS__BUGS };
#undef FOS__BUG_NUMBER

extern enum fos__bug fos__bug_on; /* set before main() */

#define FOS_BUG(name) (fos__bug_on == FOS__BUG_##name)
#define FOS_BUG_ANY   (fos__bug_on != FOS__BUG_NONE)

#else

#define FOS_BUG(name) 0
#define FOS_BUG_ANY   0

#endif
#endif
