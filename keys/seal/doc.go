// Package seal holds the sealing ring: the keys shared by all sites under
// which logins, sessions and codes travel through browsers and websites.
//
// A sealed value is base64url of
//
//	version (1) | key id (8) | nonce (12) | ciphertext | tag (16)
//
// AES-256-GCM, with version, key id and purpose in the associated data: a login
// never opens as a code. The ring grows a key a day, a new key seals an hour
// after it was stored, when every node has read it, and opens as long as what
// it sealed may live.
//
// A program of the next version may seal in a format with the next number while this
// one is being replaced: what names a key of the ring and has that number could not
// be checked, which is not the same as invalid. What is sealed is JSON whose members
// are only ever added to.
//
// The package counts nothing and remembers no use: that something opens says
// who made it, not that it is new. Its keys at rest are package wrap's.
package seal
