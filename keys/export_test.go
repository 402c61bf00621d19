package keys

import "context"

// Tick has the ring look at the store once, as Run does every 30 seconds.
func Tick(ctx context.Context, r *Ring) { r.tick(ctx) }
