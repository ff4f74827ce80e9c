"""Linux kernels: what their files hold, and what they find when they are entered directly."""
