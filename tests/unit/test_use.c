/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_use.c: which use of a 4-tuple a packet belongs to, when one begins and when it ends: ORDER.md, rule by rule, as
 * little scenarios. Each is run in batches of several sizes and with every kind of frame.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_run.h"

#define HELLO    "> S 1000; < SA 5000 1001; > A 1001 5001;"
#define BYE(end) "> FA " end " 5001; < FA 5001 " end "; > A " end " 5002;"

static const struct {
	const char *what, *script, *want;
} table[] = {
	{ "a plain connection",
	  HELLO "> A 1001 5001 abc; < A 5001 1004 xyz; > FA 1004 5004; < FA 5004 1005; > A 1005 5005",
	  "1> abc fin; 1< xyz fin" },
	{ "data on the SYN", "> S 1000 abc; < SA 5000 1004 xyz; > A 1004 5004 def", "1> abcdef eof; 1< xyz eof" },
	{ "data and FIN on the SYN", "> SF 1000 abc", "1> abc fin" },

	/* rule 2a */
	{ "SYN sent again", HELLO "> S 1000; > A 1001 5001 abc; > S 1000; < SA 5000 1001; > A 1004 5001 d",
	  "1> abcd eof; 1<  eof" },
	{ "SYN of the use before, again",
	  HELLO BYE("1001") "> S 90000; < SA 70000 90001; > S 1000; > A 90001 70001 new",
	  "1>  fin; 1<  fin; 2> new eof; 2<  eof" },
	{ "a SYN that is an RST too", HELLO "> SR 9000; > A 1001 5001 abc", "1> abc rst; 1<  rst" },

	/* rule 2b */
	{ "data before its SYN", "> A 1001 5001 abc; > S 1000", "1> abc eof" },
	{ "data well before its SYN", "> A 2001 5001 xyz; > S 1000", "1> [1000]xyz eof" },
	{ "SYN-ACK first", "< SA 5000 1001; > S 1000; > A 1001 5001 abc", "1> abc eof; 1<  eof" },
	{ "ACK of the handshake first", "> A 1001 5001; < SA 5000 1001; > S 1000; > A 1001 5001 abc",
	  "1> abc eof; 1<  eof" },
	{ "SYN comes last of all", "< A 5001 1004 xyz; > FA 1004 5004; > A 1001 5001 abc; < SA 5000 1001; > S 1000",
	  "1> abc fin; 1< xyz eof" },
	{ "a SYN too far before the data", "> A 40000000 5001 abc; > S 1000; > A 1001 5001 def",
	  "1> ~abc eof; 2> def eof" },
	{ "a SYN behind the data", "> A 1001 5001 abc; > S 2000; > A 2001 5001 def", "1> ~abc eof; 2> def eof" },
	{ "simultaneous open",
	  "> S 1000; < S 5000; > SA 1000 5001; < SA 5000 1001; > A 1001 5001 abc; < A 5001 1001 xyz",
	  "1> abc eof; 1< xyz eof" },
	{ "a SYN-ACK of another SYN", "> S 1000; < SA 5000 90000001", "1>  eof; 2<  eof" },
	{ "the peer's ACKs tell the SYN", "< A 5001 1004 xyz; > S 1000; > A 1001 5001 abc", "1> abc eof; 1< ~xyz eof" },
	{ "the peer's ACKs forbid the SYN", "< A 5001 80001000 xyz; > S 1000; > A 1001 5001 abc",
	  "1< ~xyz eof; 2> abc eof" },

	/* rule 2c */
	{ "a new ISN", HELLO "> A 1001 5001 abc; > S 800000000; > A 800000001 1 def",
	  "1> abc eof; 1<  eof; 2> def eof" },
	{ "port used again", HELLO "> A 1001 5001 abc;" BYE("1004") "> S 90000; < SA 70000 90001; > A 90001 70001 def",
	  "1> abc fin; 1<  fin; 2> def eof; 2<  eof" },
	{ "data before the SYN of the next use",
	  HELLO "> A 1001 5001 abc;" BYE("1004") "> A 5090001 70001 def; > S 5090000",
	  "1> abc fin; 1<  fin; 2> def eof" },
	{ "held data moves to its SYN",
	  HELLO "> A 1001 5001 abc; > A 5090001 70001 def; > S 5090000; > A 5090004 70001 g",
	  "1> abc eof; 1<  eof; 2> defg eof" },
	{ "and its FIN with it", HELLO "> A 1001 5001 abc; > FA 5090001 70001 def; > S 5090000; > FA 1004 5001",
	  "1> abc fin; 1<  eof; 2> def fin" },
	{ "data that overtook its SYN-ACK moves to its use",
	  HELLO "< A 5001 1001 one; < A 2005001 3001001 two; > S 3001000; < SA 2005000 3001001",
	  "1>  eof; 1< one eof; 2>  eof; 2< two eof" },
	{ "and is stamped by what waited for it",
	  HELLO
	  "< A 2005004 3001001 two; > S 3001000; > A 3001001 2005007; < SA 2005000 3001001; < A 2005001 3001001 abc",
	  "1>  eof; 1<  eof; 2>  eof; 2< abctwo eof" },
	{ "held data nearer to the old use stays", HELLO "> A 1004 5001 def; > S 600; > A 1001 5001 abc",
	  "1> abcdef eof; 1<  eof; 2>  eof" },

	{ "what moved eight times stays",
	  HELLO
	  "> A 100000 5001 x; > S 90001; > S 90002; > S 90003; > S 90004; > S 90005; > S 90006; > S 90007; > S 90008;"
	  "> A 100002 5001 y; > S 90009; > S 90010; > A 95000 5001 z",
	  "1>  timeout; 1<  timeout; 2>  timeout; 3>  timeout; 4>  eof; 5>  eof; 6>  eof; 7>  eof; 8>  eof;"
	  " 9> [4991]z[4999]x[1]y eof; 10>  eof; 11>  eof" },

	/* rule 3 */
	{ "late tail of the old use",
	  HELLO
	  "> A 1001 5001 abc; > S 900000000; < SA 700000000 900000001; > A 900000001 700000001 new; > A 1004 5001 def",
	  "1> abcdef eof; 1<  eof; 2> new eof; 2<  eof" },
	{ "data behind an early FIN", HELLO "> FA 1004 5001; > A 1001 5001 abc; > A 1004 5001 x",
	  "1> abcx fin; 1<  eof" },
	{ "data behind an early RST", HELLO "> R 1004; > A 1001 5001 abc", "1> abc rst; 1<  rst" },
	{ "stray data beyond a FIN", HELLO "> FA 1001 5001; > A 1003 5001 stray", "1>  fin; 1<  eof; 2> ~stray eof" },
	{ "one byte beyond a FIN is its own", HELLO "> FA 1001 5001; > A 1002 5001 x", "1> [1]x fin; 1<  eof" },
	{ "an ACK beyond a FIN is no data", HELLO "> FA 1001 5001; > A 9000 5001", "1>  fin; 1<  eof" },
	{ "stray data within a use that is over",
	  HELLO "> A 3000001 5001 a;"
	        "> R 3000002; > A 1500000 5001 stray",
	  "1> [1498999]stray[1499996]a rst; 1<  rst" },
	{ "far before the least of a use that is over", "> A 3000001 5001 a; > R 3000002; > A 1500000 5001 stray",
	  "1> ~a rst; 2> ~stray eof" },
	{ "far beyond a reset", HELLO "> R 1001; > A 1100000 5001 stray", "1>  rst; 1<  rst; 2> ~stray eof" },
	{ "less far beyond a reset", HELLO "> R 1001; > A 1040000 5001 stray", "1> [1038999]stray rst; 1<  rst" },

	{ "an RST before its SYN",
	  HELLO BYE("1001") "> R 2500100; > S 2500000; < SA 9000000 2500001; > A 2500001 9000001 abc",
	  "1>  fin; 1<  fin; 2> abc rst; 2<  rst" },
	{ "an RST before its SYN-ACK, by what it acknowledges",
	  HELLO BYE("1001") "> RA 2500100 9000001; < S 9000000; > A 2500001 9000001 abc",
	  "1>  fin; 1<  fin; 2> ~abc rst; 2<  rst" },
	{ "an RST before its data",
	  HELLO BYE("1001") "> R 2500100; > A 2500001 9000001 abc; < SA 9000000 2500001; < A 9000001 2500001 xyz",
	  "1>  fin; 1<  fin; 2> abc rst; 2< xyz rst" },
	{ "an RST of no connection that comes", HELLO BYE("1001") "> R 2500100; > S 2600000; > A 2600001 1 abc",
	  "1>  fin; 1<  fin; 2> abc eof" },
	{ "an RST not far from a connection that is over", HELLO BYE("1001") "> R 900100; > S 900000; > A 900001 1 abc",
	  "1>  fin; 1<  fin; 2> abc eof" },

	/* rule 4 */
	{ "nine uses",
	  "> S 100000000; > S 200000000; > S 300000000; > S 400000000; > S 500000000; > S 600000000;"
	  "> S 700000000; > S 800000000; > S 900000000; > S 100000000",
	  "1>  timeout; 2>  timeout; 3>  eof; 4>  eof; 5>  eof; 6>  eof; 7>  eof; 8>  eof; 9>  eof; 10>  eof" },

	/* rule 1 */
	{ "over, then idle for a minute", HELLO BYE("1001") "t 61; > A 1001 5001", "1>  fin; 1<  fin; 2> ~ eof" },
	{ "over, then not so long", HELLO BYE("1001") "t 59; > A 1001 5001; t 59; > A 1001 5001", "1>  fin; 1<  fin" },
	{ "reset, then idle", HELLO "> R 1001; t 61; > S 1000", "1>  rst; 1<  rst; 2>  eof" },
	{ "open and idle", HELLO "> A 1001 5001 abc; t 7441; > A 1004 5001 d",
	  "1> abc timeout; 1<  timeout; 2> ~d eof" },
	{ "open and not so idle", HELLO "> A 1001 5001 abc; t 7430; > A 1004 5001 d", "1> abcd eof; 1<  eof" },

	/* how it starts without a SYN, and ends */
	{ "half of a connection", "< SA 5000 1001; < A 5001 1004 xyz; < FA 5004 1004", "1< xyz fin" },
	{ "start by the SYN-ACK's word", "< SA 5000 1001; > A 1004 5001 def", "1> [3]def eof; 1<  eof" },
	{ "in the middle", "> A 50 5001 abc; < A 5001 53 xyz", "1> ~abc eof; 1< ~xyz eof" },
	{ "in the middle, out of order", "> A 53 5001 def; > A 50 5001 abc; > A 56 5001 ghi", "1> ~abcdefghi eof" },
	{ "nothing but an RST", "> R 77", "1> ~ rst" },
	{ "nothing but an ACK", "> A 77 1", "1> ~ eof" },
	{ "RST answers a FIN", HELLO "> FA 1001 5001; < R 5001", "1>  fin; 1<  rst" },
	{ "the FIN says what is missing", HELLO "> A 1001 5001 abc; > FA 1010 5001", "1> abc[6] fin; 1<  eof" },
	{ "a FIN alone, in the middle", "> FA 1010 5001", "1> ~ fin" },
	{ "two FINs", HELLO "> FA 1005 5001; > FA 1003 5001 xy; > A 1001 5001 ab", "1> abxy fin; 1<  eof" },
	{ "urgent data stays", HELLO "> UA 1001 5001 abc", "1> abc eof; 1<  eof" },
};

/* "1>  fin" is how an empty stream would look with a blank too many: the table is easier to read with it. */
static void tidy(char *to, const char *from)
{
	for (; *from; from++)
		if (!(from[0] == ' ' && from[1] == ' '))
			*to++ = *from;
	*to = '\0';
}

static void test_scenarios(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct er_trace t = { 0 };
		char want[512];

		tidy(want, table[i].want);
		er_script(&t, table[i].script);
		for (unsigned k = 0; k < 8; k++) {
			char *got = er_play(&t, NULL, (unsigned[]){ 64, 1, 2, 3 }[k % 4], k % ER_MODES, NULL);

			if (strcmp(got, want) != 0) {
				print_error("%s\n  want: %s\n   got: %s\n", table[i].what, want, got);
				bad++;
				k = 8;
			}
			free(got);
		}
		er_trace_free(&t);
	}
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_scenarios) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
