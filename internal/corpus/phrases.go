package corpus

type symptom struct{ tag, text string }

var services = []string{
	"the checkout", "the login page", "the product search", "the invoicing service", "the mobile app", "the reporting database",
	"the order queue", "the image store", "the intranet wiki", "the payment gateway", "the customer portal", "the office VPN",
	"the mail relay", "the booking API", "the price import", "the data warehouse", "the chat widget", "the payroll system",
	"the build server", "the newsletter tool", "the shipping service", "the loyalty programme", "the call centre desktop",
}

// symptoms by level; % stands for a service.
var symptoms = [][]symptom{
	{
		{"cosmetic", "there is a typo on the start page of %"},
		{"cosmetic", "an icon in % is misaligned in dark mode"},
		{"request", "a colleague asks how to export a list from %"},
		{"request", "please add a column with the branch number to the overview in %"},
		{"cosmetic", "the wording of a hint in % is confusing"},
		{"maintenance", "the test environment of % is two versions behind"},
		{"maintenance", "the log of % is full of harmless warnings"},
		{"request", "the help text of % still shows the old telephone number"},
		{"maintenance", "the printer beside the desk of the % team is out of paper"},
		{"cosmetic", "the colours of a chart in % are hard to tell apart"},
		{"request", "a new colleague needs read access to %"},
		{"maintenance", "a dashboard for % shows yesterday's date in its title"},
	},
	{
		{"performance", "% is slow at peak hours, with a p95 latency of four seconds"},
		{"availability", "one node of % restarts every hour"},
		{"availability", "the nightly job of % failed and had to be run again by hand"},
		{"performance", "some users of % see timeouts"},
		{"maintenance", "the certificate of % expires in three days"},
		{"availability", "% rejects uploads over twenty megabytes"},
		{"performance", "the backlog in front of % grows during the day"},
		{"availability", "the failover of % took ten minutes instead of one"},
		{"security", "many failed sign-ins to % come from one address"},
		{"performance", "% runs at ninety percent of its memory"},
		{"data", "totals in % differ from those in the ledger by a few cents"},
		{"availability", "the health check of % flaps"},
	},
	{
		{"availability", "% is down for all customers"},
		{"data", "% lost the orders placed between two and three at night"},
		{"security", "an unknown address downloaded customer records from %"},
		{"data", "% charged credit cards twice"},
		{"availability", "the primary disk of % failed and the replica is three hours behind"},
		{"security", "a ransom note was found on the host of %"},
		{"security", "passwords for % were posted on a public site"},
		{"data", "a wrong script deleted the production tables of %"},
		{"availability", "% returns errors for every request since the last release"},
		{"security", "% lets anybody in without a password"},
		{"data", "the backups of % cannot be restored"},
		{"compliance", "% showed personal data of other customers after signing in"},
	},
}

var impacts = [][]string{
	{
		"nobody is blocked", "no customers are affected", "it can wait for the next release", "only the office sees it",
		"there is an easy workaround", "it has no effect on operations", "just for information",
	},
	{
		"a few teams are affected", "work goes on, but slowly", "support gets some calls about it", "reports arrive late",
		"customers in one region notice it", "retries succeed most of the time", "it happens several times a day",
	},
	{
		"all customers are affected", "the shop takes no orders", "sales have stopped", "the data cannot be recovered so far",
		"the regulator has to be told", "thousands of accounts are exposed", "the whole company stands still", "payments fail",
	},
}

var causes = []string{
	"it began after the change on Tuesday", "the cause is not known yet", "a configuration file is suspected",
	"the supplier has been informed", "it was seen once before, in spring", "the last deployment has been ruled out",
	"it may have to do with the new firewall rules", "the disk of one host is nearly full", "a library was updated last week",
}

var actions = [][]string{
	{"no hurry", "please have a look when there is time", "to be discussed in the next meeting", "a fix is scheduled for next month"},
	{"the team on duty is watching it", "a restart helps for a while", "we added capacity for now", "a fix is being tested"},
	{"the crisis team has been called", "we are switching to the standby site", "all hands are needed now", "access has been blocked", "management has been informed"},
}

var (
	units     = []string{"AX", "BR", "TK"}
	faults    = []string{"lidar signal lost", "gripper torque over limit", "wheel encoder drift", "battery cell imbalance", "path planner deadlock", "pallet not detected", "conveyor jam", "emergency stop pressed", "localisation error", "docking failed"}
	reactions = []string{"operator override requested", "unit halted", "telemetry buffered", "recalibration started", "route blocked for followers", "safety relay opened", "retry count exceeded"}
	outcomes  = [][]string{
		{"unit resumed by itself", "logged for the weekly review"},
		{"technician dispatched to the aisle", "unit replaced by a spare"},
		{"a person was in the safety zone", "the hall was evacuated", "goods were destroyed"},
	}
)
