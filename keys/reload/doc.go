// Package reload bounds how often strangers can make us read the store. A token
// or cookie that names a key we do not know may be forged, or its key may be
// new: one reload tells, and everybody who asks meanwhile or soon after shares
// its result.
//
// The package knows nothing of keys; the rings say what a reload is.
package reload
