// Package device tells coarsely what a person holds in their hands: enough to
// see that a provider fails for phones alone, too little to recognise anybody.
// Nothing is decided by it that matters for security: it is read from headers
// that anybody can write.
package device
