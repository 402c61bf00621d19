// Package doctor looks at a website's registration and at what it points to, from
// the machine of whoever asks, and says what will go wrong and what to do about it.
//
// It changes nothing and sends nothing that means anything: pages are opened
// without parameters, and the address that is told of ended sessions is sent an
// empty form, which it has to refuse. That an address answers is no proof that
// the login works, only that it can. What stands in the console of a provider it cannot
// see: that is listed, to be compared by hand.
package doctor
