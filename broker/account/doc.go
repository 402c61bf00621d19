// Package account finds and opens accounts, gives them identities and takes
// them away, and says what a website may see of one.
//
// It owns the account rules (P1, P2): an account is found by provider instance
// and subject only, an identity that could not be looked up gets no answer at
// all, and what websites see (subject, name, e-mail, phone) belongs to the
// account and not to the way the person came in. A change of identities ends all
// sessions of the account, and the last one is never taken. A deleted account is
// gone for good: no subject of it is ever given out again. That both were
// freshly proven, and the person's yes, are the caller's to have: the package
// does not talk to providers and knows nothing of logins or pages.
package account
