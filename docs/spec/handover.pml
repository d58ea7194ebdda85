/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand-over protocol, model-checked (make model, part of make check). docs/spec/migration.md says it in words.
 *
 * One source and one destination enclave per session; the source tries SESSIONS times, so that destinations race and
 * old ones come back. The network is the adversary: a message that was ever sent may be delivered now, later, again
 * and in any order, or never (it stands in a set that only grows; receiving leaves it there). Authenticity is assumed:
 * nobody invents messages, and a session's messages are never taken for another's (keys differ).
 * Hosts are adversaries too: they may kill an enclave at any step (its state is gone) and start it again (it is a new one then,
 * which knows no session: it can neither read that session's messages nor sign its tokens), cancel at any step, and give up or reconnect as they like, which here is just delivering or
 * not delivering.
 *
 * States carry the names of core/mig (tests/model/states checks that they are the same).
 */
#ifndef SESSIONS
#define SESSIONS 2
#endif
#ifndef KILLS
#define KILLS 1       /* how many enclaves the adversary may kill, and start again; 0 where all must live */
#endif

/* What the source can be in. RUNNING covers OM_MIG_NONE, SETUP and ACTIVE: the application runs here. */
#define S_ACTIVE     0  /* application runs; session under way or none */
#define S_DEVICE     1  /* stopped; state being sent or sent */
#define S_COMMITTED  2  /* start token emitted */
#define S_COMPLETED  3  /* knows that the destination runs; keys and state wiped */
#define S_DEAD       4
#define S_FRESH      5  /* started again: another program, which has nothing of this one's state */
/* ... and a destination. */
#define D_ACTIVE     0  /* receiving */
#define D_PREPARED   1  /* complete */
#define D_STARTED    2  /* the application runs there (OM_MIG_POSTCOPY, OM_MIG_COMPLETED) */
#define D_ABORTED    3  /* has given up for ever (OM_MIG_FAILED) */
#define D_DEAD       4  /* ... and started again: D_ACTIVE, but !knows[i] */

byte source = S_ACTIVE;
byte destination[SESSIONS] = D_ACTIVE;
byte session = 0;            /* the source's present session */
bool open_session = true;
bool knows[SESSIONS] = true; /* the destination has the session's keys; only the enclave that made them ever has */
bool ran_elsewhere = false;  /* at any time, even if that instance was killed since */
byte kills = 0;
bit tick = 0;

/* Messages ever sent, per session. */
bool final_state[SESSIONS], prepared[SESSIONS], start[SESSIONS], started[SESSIONS], abort_token[SESSIONS];

#if SESSIONS == 2
#define RUN_ELSEWHERE ((destination[0] == D_STARTED) + (destination[1] == D_STARTED))
#else
#define RUN_ELSEWHERE ((destination[0] == D_STARTED) + (destination[1] == D_STARTED) + (destination[2] == D_STARTED))
#endif
#define INSTANCES ((source == S_ACTIVE) + RUN_ELSEWHERE)

active proctype Source()
{
	do
	/* the rounds are over, or the destination refused: stop, send the final state */
	:: atomic { source == S_ACTIVE && open_session -> source = S_DEVICE; final_state[session] = true }
	/* cancelled, link lost for too long, or the destination gave up, before the token: run on; next session */
	:: atomic { source == S_DEVICE ->
		source = S_ACTIVE;
		if
		:: session + 1 < SESSIONS -> session++
		:: else -> open_session = false
		fi }
	/* prepared: emit the start token, irrevocably. The one place where the source gives up its right to run. */
	:: atomic { source == S_DEVICE && prepared[session] -> source = S_COMMITTED; start[session] = true }
	/* only this session's destination can undo it */
	:: atomic { source == S_COMMITTED && abort_token[session] ->
		source = S_ACTIVE;
		if
		:: session + 1 < SESSIONS -> session++
		:: else -> open_session = false
		fi }
	:: atomic { source == S_COMMITTED && started[session] -> source = S_COMPLETED }
	:: source == S_COMPLETED -> break
	:: source == S_FRESH -> break
	:: source == S_ACTIVE && !open_session -> break
	od
}

proctype Destination(byte i)
{
end:	do
	:: atomic { destination[i] == D_ACTIVE && knows[i] && final_state[i] -> destination[i] = D_PREPARED; prepared[i] = true }
	:: atomic { destination[i] == D_PREPARED && start[i] -> destination[i] = D_STARTED; started[i] = true; ran_elsewhere = true }
	/* asked to settle after it has given up */
	:: atomic { destination[i] == D_ABORTED && !abort_token[i] -> abort_token[i] = true }
#ifndef NO_ABORT
	/* the host, or a failed import, makes it give up: it can never start afterwards */
	:: atomic { destination[i] == D_ACTIVE && knows[i] -> destination[i] = D_ABORTED; abort_token[i] = true }
	:: atomic { destination[i] == D_PREPARED -> destination[i] = D_ABORTED; abort_token[i] = true }
#endif
	od
}

#if KILLS > 0
active proctype Killer()
{
	byte i;
	do
	:: atomic { kills < KILLS && source != S_DEAD && source != S_FRESH -> kills++; source = S_DEAD }
	:: atomic { kills < KILLS -> select (i : 0 .. SESSIONS - 1); kills++; destination[i] = D_DEAD; knows[i] = false }
	/* started again, from the image: there is nothing else to start it from */
	:: atomic { source == S_DEAD -> source = S_FRESH }
	:: atomic { destination[0] == D_DEAD -> destination[0] = D_ACTIVE }
	:: atomic { destination[1] == D_DEAD -> destination[1] = D_ACTIVE }
#if SESSIONS > 2
	:: atomic { destination[2] == D_DEAD -> destination[2] = D_ACTIVE }
#endif
	:: break
	od
}
#endif

/* Time goes on when nobody moves: else a protocol that is stuck would be no infinite run, and no liveness claim would see it. */
active proctype Time()
{
end:	do
	:: tick = 1 - tick
	od
}

init {
	byte i;
	atomic {
		for (i : 0 .. SESSIONS - 1) { run Destination(i) }
	}
}

/* Never two runnable instances, whatever happens. */
ltl never_two { [] (INSTANCES <= 1) }

/* No way back: once the program has run elsewhere the source never runs it again, even if that instance was killed. */
ltl never_back { [] (ran_elsewhere -> [] (source != S_ACTIVE)) }

/* Before the token a failure leaves the source running: it never gets stuck in S_DEVICE, whoever is killed and started again
 * meanwhile (checked with KILLS = 2; a killed source is not stuck there). */
ltl source_returns { [] ((source == S_DEVICE) -> <> (source != S_DEVICE)) }

/* While all live and messages get through in the end, the token is settled: exactly one instance runs. KILLS = 0: a host that
 * kills the destination after the token has killed the program. */
ltl settles { [] ((source == S_COMMITTED) -> <> (INSTANCES == 1 && source != S_COMMITTED)) }
ltl one_in_the_end { <> [] (INSTANCES == 1) }
