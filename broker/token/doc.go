// Package token is what a website gets for its code: the token endpoint,
// userinfo, and the documents that say how to use them.
//
//	code ──▶ /token: parse → authenticate client → open and check code → sign → claim ──▶ ID token, access token
//	access token ──▶ /userinfo
//
// A claim whose outcome nobody knows is answered with 503, and the node that tried
// remembers its attempt until the code is too old: whoever shows the code again, here
// or at a node that asks this one, goes on with it under the same id, once. If that
// node dies meanwhile and the claim was written, the code is used and the website is
// told so. That is the arbiter's word and no guess: whether an answer went out before
// the death nobody can say any more, and an answer that was given and one that was
// lost look alike from everywhere else. An id derived from the code and the request
// would make each of them a first use, also for who has read the request on its way;
// copies of the attempt at other nodes would need an arbiter of their own, as two who
// show the code at once would go on at two of them. What it costs is one more round
// through the browser, which has its session: the website begins a login, and no
// page is seen.
//
// It owns the code (what is sealed in it, who may redeem it, that it is claimed
// once by the arbiter that it names, the writer or a node) and the claims of every
// token. It does not know who is an arbiter when, nor how the person logged in: a
// finished login hands over a [Code].
package token
