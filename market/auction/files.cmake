set(market_auction_sources
  auction/classes.cpp)
set(market_auction_headers
  auction/classes.hpp)
