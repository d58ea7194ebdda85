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
 * A host's command is given in one state and taken up in another, perhaps: whoever owns the connection to the other side carries it out,
 * when he comes to it. It is looked at both times, and one that has come too late is dropped (section 6 of the document).
 *
 * With -DLINK it is another model, at the end: one session and its link, whose messages are lost with each transport. The first
 * one asks what an adversary can bring about, this one whether the two find each other again.
 *
 * States carry the names of core/mig (tests/model/states checks that they are the same).
 */
#ifndef SESSIONS
#define SESSIONS 2
#endif
#ifndef KILLS
#define KILLS 1       /* how many enclaves the adversary may kill, and start again; 0 where all must live */
#endif

#ifndef COMMANDS
#define COMMANDS 1    /* how many commands wait for a while before they are taken up; those that do not are among the steps */
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

#ifndef LINK
byte source = S_ACTIVE;
byte destination[SESSIONS] = D_ACTIVE;
byte session = 0;            /* the source's present session */
bool open_session = true;
bool knows[SESSIONS] = true; /* the destination has the session's keys; only the enclave that made them ever has */
bool ran_elsewhere = false;  /* at any time, even if that instance was killed since */
byte kills = 0;
bit tick = 0;
bool cancel = false, give_up[SESSIONS] = false; /* given, and not yet taken up */
byte commands = 0;

/* Messages ever sent, per session. */
bool final_state[SESSIONS], prepared[SESSIONS], start[SESSIONS], started[SESSIONS], abort_token[SESSIONS];

#if SESSIONS == 2
#define RUN_ELSEWHERE ((destination[0] == D_STARTED) + (destination[1] == D_STARTED))
#else
#define RUN_ELSEWHERE ((destination[0] == D_STARTED) + (destination[1] == D_STARTED) + (destination[2] == D_STARTED))
#endif
#define INSTANCES ((source == S_ACTIVE) + RUN_ELSEWHERE)

/* A command is for the session in which it was given. */
#define NEXT_SESSION \
	cancel = false; \
	if \
	:: session + 1 < SESSIONS -> session++ \
	:: else -> open_session = false \
	fi

active proctype Source()
{
	do
	/* the rounds are over, or the destination refused: stop, send the final state */
	:: atomic { source == S_ACTIVE && open_session -> source = S_DEVICE; final_state[session] = true }
	/* cancelled, link lost for too long, or the destination gave up, before the token: run on; next session */
	:: atomic { source == S_DEVICE ->
		source = S_ACTIVE; NEXT_SESSION }
	/* a cancel is given in time */
	:: atomic { (source == S_ACTIVE && open_session || source == S_DEVICE) && !cancel && commands < COMMANDS -> commands++; cancel = true }
	/* ... and taken up in time */
	:: atomic { cancel && source == S_ACTIVE -> NEXT_SESSION }
	:: atomic { source == S_DEVICE && cancel -> source = S_ACTIVE; NEXT_SESSION }
	/* ... or not: the token has left meanwhile */
	:: atomic { cancel && (source == S_COMMITTED || source == S_COMPLETED) -> cancel = false }
	/* prepared: emit the start token, irrevocably. The one place where the source gives up its right to run. */
	:: atomic { source == S_DEVICE && prepared[session] -> source = S_COMMITTED; start[session] = true }
	/* only this session's destination can undo it */
	:: atomic { source == S_COMMITTED && abort_token[session] ->
		source = S_ACTIVE; NEXT_SESSION }
	:: atomic { source == S_COMMITTED && started[session] -> source = S_COMPLETED }
	:: source == S_COMPLETED && !cancel -> break
	:: source == S_FRESH -> break
	:: source == S_ACTIVE && !open_session -> break
	od
}

proctype Destination(byte i)
{
end:	do
	:: atomic { destination[i] == D_ACTIVE && knows[i] && final_state[i] -> destination[i] = D_PREPARED; prepared[i] = true }
	:: atomic { destination[i] == D_PREPARED && start[i] -> destination[i] = D_STARTED; started[i] = true; ran_elsewhere = true }
	/* its user does not want it any more, and says so in time ... */
	:: atomic { (destination[i] == D_ACTIVE && knows[i] || destination[i] == D_PREPARED) && !give_up[i] && commands < COMMANDS -> commands++; give_up[i] = true }
	:: atomic { destination[i] == D_ACTIVE && give_up[i] -> destination[i] = D_ABORTED; abort_token[i] = true; give_up[i] = false }
	:: atomic { destination[i] == D_PREPARED && give_up[i] -> destination[i] = D_ABORTED; abort_token[i] = true; give_up[i] = false }
	/* ... or not: the program runs here meanwhile, or never will */
	:: atomic { give_up[i] && (destination[i] == D_STARTED || destination[i] == D_ABORTED) -> give_up[i] = false }
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
	:: atomic { kills < KILLS && source != S_DEAD && source != S_FRESH -> kills++; source = S_DEAD; cancel = false }
	:: atomic { kills < KILLS -> select (i : 0 .. SESSIONS - 1); kills++; destination[i] = D_DEAD; knows[i] = false; give_up[i] = false }
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

/* No command waits for ever: it is carried out or dropped. */
ltl taken_up { [] ((cancel || give_up[0] || give_up[1]) -> <> !(cancel || give_up[0] || give_up[1])) }

#else /* LINK */
/*
 * The link (core/mig/link.h). A message lives as long as the transport that carries it: a loss takes along all that is on
 * its way, and each side notices it at a time of its own. Then the host of the source connects anew, the source says its
 * state (RESUME), the destination answers with its own, and both go on from there. LOSSES transports are lost, at any
 * step: also while the answer to the loss before is on its way. Either side may give up whenever its rules allow it.
 */
#ifndef LOSSES
#define LOSSES 4
#endif
#define S_DONE       6  /* ... and that it is whole there (DONE; S_COMPLETED is POSTCOPY here) */
#define D_COMPLETE   5  /* nothing is owed any more */
#define L_GONE       0
#define L_NEW        1
#define L_UP         2
#define L_DOWN       3
#define L_RESUMING   4
#define L_ANSWERING  5
#define L_CLOSING    6

byte source = S_ACTIVE, destination = D_ACTIVE;
byte slink = L_GONE, dlink = L_GONE;
bool begun = false, over = false;       /* the source's session */
bool connected = false, s_lost = false, d_lost = false;
byte losses = 0;
bool willing = true;                    /* somebody may still give up, at any step */
/* Given, and not yet taken up: by users, and what has failed on either side, which is noticed by one thread and acted upon by another. */
bool cancel = false, give_up = false, forget = false, s_failed = false, d_failed = false;
byte commands = 0;
bool forgot = false;                    /* a destination's user has ended its wait: a source that needs it still waits for ever, and runs nothing */
bit tick = 0;

/* On their way. m_answer: 0 none, else 1 + the destination's state. */
bool m_final, m_prepared, m_start, m_started, m_placed, m_abort, m_cancel, m_finish, m_resume;
byte m_answer;
#define SEND(m) m = connected
/* Frames of this transport, under this epoch's keys, are taken in. */
#define S_HEARS (connected && (slink == L_UP))
#define D_HEARS (connected && (dlink == L_UP || dlink == L_ANSWERING))

#define TAKE_ALL_ALONG m_final = false; m_prepared = false; m_start = false; m_started = false; m_placed = false; m_abort = false; \
	m_cancel = false; m_finish = false; m_resume = false; m_answer = 0
#define MAY_COMMAND (willing && commands < COMMANDS)
#define S_EARLY (begun && !over && (source == S_ACTIVE || source == S_DEVICE))
#define D_RUNS (destination == D_STARTED || destination == D_COMPLETE)
#define D_OVER (destination == D_COMPLETE || destination == D_ABORTED)

active proctype LinkSource()
{
end:	do
	/* the session */
	:: atomic { slink == L_GONE && !begun -> slink = L_NEW; begun = true; connected = true }
	:: atomic { slink == L_NEW && connected && dlink != L_GONE -> slink = L_UP }
	:: atomic { slink == L_UP && source == S_ACTIVE && !over -> source = S_DEVICE; SEND(m_final) }
	:: atomic { S_HEARS && source == S_DEVICE && m_prepared -> source = S_COMMITTED; SEND(m_start) }
	:: atomic { S_HEARS && source == S_COMMITTED && m_started -> source = S_COMPLETED }
	:: atomic { slink == L_UP && connected && source == S_COMPLETED && m_placed -> slink = L_CLOSING; source = S_DONE; over = true; SEND(m_finish) }
	/* the destination gave up: the acknowledgement leaves, and the program runs on */
	:: atomic { slink == L_UP && connected && !over && m_abort && source != S_COMPLETED -> slink = L_CLOSING; source = S_ACTIVE; over = true; SEND(m_finish) }
	/* its user, or a failure, before the token */
	:: atomic { slink == L_UP && willing && !over && (source == S_ACTIVE || source == S_DEVICE) -> slink = L_CLOSING; source = S_ACTIVE; over = true; SEND(m_cancel) }
	:: atomic { (slink == L_NEW || slink == L_DOWN || slink == L_RESUMING) && source == S_ACTIVE && begun && (willing || dlink == L_GONE) -> slink = L_GONE; over = true }
	/* a command, or a failure, that waits: given in time, and taken up in time */
	:: atomic { MAY_COMMAND && S_EARLY -> commands++; cancel = true }
	:: atomic { MAY_COMMAND && begun && !over -> commands++; s_failed = true }
	:: atomic { slink == L_UP && (cancel || s_failed) && S_EARLY -> slink = L_CLOSING; source = S_ACTIVE; over = true; cancel = false; s_failed = false; SEND(m_cancel) }
	:: atomic { (slink == L_NEW || slink == L_DOWN || slink == L_RESUMING) && (cancel || s_failed) && S_EARLY -> slink = L_GONE; source = S_ACTIVE; over = true; cancel = false; s_failed = false }
	/* ... or too late: a command is dropped, and a failure is a lost link, for only the destination can say what becomes of the program */
	:: atomic { cancel && begun && !S_EARLY -> cancel = false }
	:: atomic { (slink == L_UP || slink == L_RESUMING) && s_failed && !S_EARLY && !over -> slink = L_DOWN; s_failed = false; d_lost = d_lost || connected; connected = false; TAKE_ALL_ALONG }
	:: atomic { s_failed && !S_EARLY && (over || slink == L_DOWN) -> s_failed = false }
	:: atomic { slink == L_CLOSING -> slink = L_GONE }
	/* the transport is gone */
	:: atomic { s_lost && (slink == L_UP || slink == L_RESUMING) -> slink = L_DOWN; s_lost = false }
	:: atomic { s_lost && (slink == L_NEW || slink == L_CLOSING) -> slink = L_GONE; s_lost = false; over = true }
	:: atomic { s_lost && (slink == L_DOWN || slink == L_GONE) -> s_lost = false }
	/* between the stop and the token nobody waits for it */
	:: atomic { slink == L_DOWN && source == S_DEVICE -> slink = L_GONE; source = S_ACTIVE; over = true }
	/* connected anew: the host of a destination that has not noticed the loss learns it by that */
	:: atomic { slink == L_DOWN && source != S_DEVICE && dlink == L_DOWN && !connected && !s_lost && !d_lost -> slink = L_RESUMING; connected = true; SEND(m_resume) }
	/* the answer is as good as the messages that were lost */
	:: atomic { slink == L_RESUMING && connected && m_answer == 1 + D_ACTIVE -> slink = L_UP; m_answer = 0 }
	:: atomic { slink == L_RESUMING && connected && m_answer == 1 + D_PREPARED -> slink = L_UP; m_answer = 0; m_start = (source == S_COMMITTED) }
	:: atomic { slink == L_RESUMING && connected && m_answer == 1 + D_STARTED -> slink = L_UP; m_answer = 0; m_started = true }
	:: atomic { slink == L_RESUMING && connected && m_answer == 1 + D_COMPLETE -> slink = L_UP; m_answer = 0; m_started = true; m_placed = true }
	:: atomic { slink == L_RESUMING && connected && m_answer == 1 + D_ABORTED -> slink = L_UP; m_answer = 0; m_abort = true }
	od
}

active proctype LinkDestination()
{
end:	do
	:: atomic { dlink == L_GONE && destination == D_ACTIVE && connected && slink == L_NEW -> dlink = L_NEW }
	:: atomic { dlink == L_NEW && connected -> dlink = L_UP }
	/* the session */
	:: atomic { D_HEARS && destination == D_ACTIVE && m_final -> destination = D_PREPARED; SEND(m_prepared) }
	:: atomic { D_HEARS && destination == D_PREPARED && m_start -> destination = D_STARTED; SEND(m_started) }
	/* whole: PLACED is said until it is heard */
	:: atomic { dlink == L_UP && destination == D_STARTED -> dlink = L_ANSWERING; destination = D_COMPLETE; SEND(m_placed) }
	:: atomic { (dlink == L_DOWN || dlink == L_RESUMING) && destination == D_STARTED -> destination = D_COMPLETE }
	/* given up when it was complete: so is the abort */
	:: atomic { dlink == L_UP && willing && destination == D_PREPARED -> dlink = L_ANSWERING; destination = D_ABORTED; SEND(m_abort) }
	:: atomic { (dlink == L_DOWN || dlink == L_RESUMING) && willing && destination == D_PREPARED -> destination = D_ABORTED }
	/* given up before, or cancelled: nothing was promised */
	:: atomic { dlink == L_UP && willing && destination == D_ACTIVE -> dlink = L_CLOSING; destination = D_ABORTED; SEND(m_abort) }
	:: atomic { (dlink == L_NEW || dlink == L_DOWN || dlink == L_RESUMING) && willing && destination == D_ACTIVE -> dlink = L_GONE; destination = D_ABORTED }
	:: atomic { dlink == L_UP && connected && m_cancel && (destination == D_ACTIVE || destination == D_PREPARED) -> dlink = L_CLOSING; destination = D_ABORTED }
	/* a command, or a failure, that waits: given in time, and taken up in time */
	:: atomic { MAY_COMMAND && dlink != L_GONE && (destination == D_ACTIVE || destination == D_PREPARED) -> commands++; give_up = true }
	:: atomic { MAY_COMMAND && dlink != L_GONE && !D_OVER -> commands++; d_failed = true }
	:: atomic { dlink == L_UP && (give_up || d_failed) && destination == D_PREPARED -> dlink = L_ANSWERING; destination = D_ABORTED; give_up = false; d_failed = false; SEND(m_abort) }
	:: atomic { (dlink == L_DOWN || dlink == L_RESUMING) && (give_up || d_failed) && destination == D_PREPARED -> destination = D_ABORTED; give_up = false; d_failed = false }
	:: atomic { dlink == L_UP && (give_up || d_failed) && destination == D_ACTIVE -> dlink = L_CLOSING; destination = D_ABORTED; give_up = false; d_failed = false; SEND(m_abort) }
	:: atomic { (dlink == L_NEW || dlink == L_DOWN || dlink == L_RESUMING) && (give_up || d_failed) && destination == D_ACTIVE -> dlink = L_GONE; destination = D_ABORTED; give_up = false; d_failed = false }
	/* ... or too late: the program runs here, or never will */
	:: atomic { give_up && (D_RUNS || D_OVER) -> give_up = false }
	:: atomic { (dlink == L_UP || dlink == L_RESUMING) && d_failed && destination == D_STARTED -> dlink = L_DOWN; d_failed = false; s_lost = s_lost || connected; connected = false; TAKE_ALL_ALONG }
	:: atomic { d_failed && (D_OVER || dlink == L_DOWN && destination == D_STARTED) -> d_failed = false }
	/* the user does not want it to wait any longer for a source that may be gone */
	:: atomic { MAY_COMMAND && dlink != L_GONE && D_OVER -> commands++; forget = true }
	:: atomic { (dlink == L_ANSWERING || dlink == L_DOWN || dlink == L_RESUMING) && forget -> dlink = L_GONE; forget = false; forgot = D_OVER }
	:: atomic { forget && (dlink == L_CLOSING || dlink == L_GONE) -> forget = false }
	:: atomic { dlink == L_CLOSING -> dlink = L_GONE }
	:: atomic { dlink == L_ANSWERING && connected && m_finish -> dlink = L_GONE }
	/* the transport is gone */
	:: atomic { d_lost && (dlink == L_UP || dlink == L_RESUMING || dlink == L_ANSWERING) -> dlink = L_DOWN; d_lost = false }
	:: atomic { d_lost && dlink == L_NEW -> dlink = L_GONE; d_lost = false; destination = D_ABORTED }
	:: atomic { d_lost && dlink == L_CLOSING -> dlink = L_GONE; d_lost = false }
	:: atomic { d_lost && (dlink == L_DOWN || dlink == L_GONE) -> d_lost = false }
	:: atomic { dlink == L_DOWN && connected && !d_lost -> dlink = L_RESUMING }
	/* the answer, and then the last word once more */
	:: atomic { dlink == L_RESUMING && connected && m_resume -> dlink = L_UP; m_resume = false; m_answer = 1 + destination }
	:: atomic { dlink == L_UP && (destination == D_COMPLETE || destination == D_ABORTED) -> dlink = L_ANSWERING; m_placed = (connected && destination == D_COMPLETE) }
	od
}

active proctype Loss()
{
end:	do
	:: atomic { connected && losses < LOSSES -> losses++; connected = false; s_lost = true; d_lost = true; TAKE_ALL_ALONG }
	:: losses < LOSSES -> losses = LOSSES /* no more of them */
	:: willing -> willing = false         /* nobody has to */
	/* who forgets the other closes the connections, when its last word has been read */
	:: atomic { connected && slink != L_GONE && dlink == L_GONE && destination != D_ACTIVE && !m_abort -> connected = false; s_lost = true; TAKE_ALL_ALONG }
	:: atomic { connected && dlink != L_GONE && slink == L_GONE && !m_finish && !m_cancel -> connected = false; d_lost = true; TAKE_ALL_ALONG }
	od
}

active proctype Time()
{
end:	do
	:: tick = 1 - tick
	od
}

#define INSTANCES ((source == S_ACTIVE) + (destination == D_STARTED) + (destination == D_COMPLETE))
ltl link_never_two { [] (INSTANCES <= 1) }
/* However often the transport is lost: while both live and it comes back, nobody waits for ever. */
ltl link_settles { [] ((source == S_COMMITTED) -> <> (source != S_COMMITTED || forgot)) }
ltl link_completes { [] ((source == S_COMPLETED) -> <> (source == S_DONE || forgot)) }
ltl link_one_in_the_end { <> [] (INSTANCES == 1 || forgot) }
/* If no word is lost any more, a destination that gave up is told that it was heard, and can end. */
ltl link_heard { [] ((destination == D_ABORTED && losses == 0) -> <> (dlink == L_GONE || losses > 0)) }
/* A destination ends only when its source needs it no more. */
ltl link_needed { [] ((dlink == L_GONE && begun && destination != D_ACTIVE && !forgot) -> (source != S_COMMITTED && source != S_COMPLETED)) }
/* No command waits for ever: it is carried out or dropped. */
#define WAITS (cancel || give_up || forget || s_failed || d_failed)
ltl link_taken_up { [] (WAITS -> <> !WAITS) }
#endif
