// Package broker puts Bongsu together: it builds every part from the
// configuration, owns the table of routes, and starts and stops what runs.
//
//	website ──▶ login ──▶ providers                    (who is it?)
//	              │ ▲         │ how each step went
//	              │ │         ▼
//	              │ └───── health ◀── health/probe     (which way works right now?)
//	              │           ▲ ▼ records
//	              │        cluster ◀──▶ other sites ◀── hint
//	              ▼
//	   account · session · choice · ceiling · web      (leaves: one responsibility each)
//	              │
//	website ◀── token ──▶ keys                         (here is the answer, signed)
//	              │
//	              ▼
//	            store ◀── negative                     (what must outlive one login)
//	              ▲
//	           arbiter ◀── peer ◀──▶ other nodes       (which code is used first, while nobody knows a writer)
//
//	operator ──▶ admin ──▶ health · negative · outage · coverage · drill
//	everybody ──▶ status ──▶ health
//
// login is the spine and decides what is next; the leaves never import it.
// health never imports cluster nor cluster health: this package hands the one's
// records to the other. keys proves it is us, providers proves it is them, broker
// stands between. No rule of the protocol lives here: a handler that does more
// than call a leaf is in the wrong package.
package broker
