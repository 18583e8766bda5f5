"""Posts, decisions and refused rows as files."""
