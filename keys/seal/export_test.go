package seal

import "context"

// Tick has the ring look at the store once, as Run does every minute.
func Tick(ctx context.Context, r *Ring) { r.tick(ctx) }
