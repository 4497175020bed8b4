package apier

// Commit is what one transaction changed of one tenant. The commits of a tenant come in order: After is Upto of the one
// before, so whoever misses one finds out. Changes alone cannot tell, because gaps between their seqs are normal.
type Commit struct {
	Tenant  TenantID
	After   Seq       // of the commit before
	Upto    Seq       // where the tenant's history stands now; After, where nothing of it has changed
	At      Timestamp // of all its changes
	Changes []Change  // in Seq order

	Due             []EndpointDue // endpoints that have deliveries to make
	InboxReady      bool          // the inbox or a group hands something out sooner than it said, and no Change tells of it
	CountersChanged bool          // by events that left in silence
}

// EndpointDue is an endpoint that has a delivery to make, and from when on.
type EndpointDue struct {
	Endpoint EndpointID
	At       Timestamp
}
