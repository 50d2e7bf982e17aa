"""Infrastructure as code for the API keys of Appwrite projects: declare, plan, apply."""
