// Package line is LINE Login v2.1: OpenID Connect whose metadata tells half the
// truth. It lists ES256 alone; an ID token of a web login is signed HS256 with
// the channel secret all the same, unless the token request says
// id_token_key_type=JWK.
//
// It owns the endpoints, that parameter, and the rule for the two algorithms:
// ES256 is asked for. A token that comes under HS256 is believed if the channel
// secret made it, because only LINE has that too and it came from LINE's own
// token endpoint; one under ES256 is verified by a published key or refused.
// Neither stands in for the other. Operators narrow it by Algorithms.
//
// LINE does not say that it checked an e-mail address, so none is verified; the
// channel must be granted the address in LINE's console. The ID token holds the
// whole profile, so nothing else is asked: LINE forbids large numbers of requests
// and does not say what is large. auth_time is there only if max_age is.
//
// Not confirmed: that a subject is the same for all channels of one LINE
// provider, the codes of refused channels and codes at the token endpoint (those
// of RFC 6749 are expected), and whether max_age=0 makes LINE ask anew. The
// parameter id_token_key_type stands in LINE's own libraries and not in its
// reference.
package line
