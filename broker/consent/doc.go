// Package consent remembers what people said yes to: which client may see what of
// an account, and no more. A yes can be taken back at any time, which needs no
// writer (P8): a consent holds only if it was given after its last withdrawal.
//
// It decides nothing about logins and asks nobody: the login walk shows the page,
// and this package says what there is to ask. What could not be read is an error,
// never a no.
package consent
