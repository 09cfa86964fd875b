"""Planning, forecasting and running of orders: shots are taken, and films are cut from them."""
