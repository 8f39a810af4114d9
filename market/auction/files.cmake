set(market_auction_sources
  auction/book.cpp
  auction/classes.cpp
  auction/order.cpp)
set(market_auction_headers
  auction/classes.hpp
  auction/clearing.hpp
  auction/order.hpp)
