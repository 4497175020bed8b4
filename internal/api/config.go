package api

// config answers GET /api/config.
func (a *API) config(c *call) error { return answer(c.w, a.opt.Config) }

// health answers GET /api/health: healthy as long as the store reads and takes writes.
func (a *API) health(c *call) error {
	if err := a.store.Ping(c.ctx()); err != nil {
		return err
	}
	return answer(c.w, map[string]string{"status": "healthy"})
}
