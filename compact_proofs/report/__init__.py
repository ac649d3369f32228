"""What is found about models, shown: facts, and the page, the figures and the tables that show them."""
