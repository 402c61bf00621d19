// Package credential holds what we prove ourselves with to providers. A secret
// that an operator set is kept in the store, wrapped by the cluster's key, and
// every node has it within a second; the one of the configuration counts where
// none was set.
//
// While a secret changes two live: the new one is used first and, where the
// provider refuses it, the one before, until an operator drops that. Whether a
// secret is any good is asked by whoever sets it; the package asks no provider,
// and it hands out secrets to nobody but the providers they are for.
package credential
