millrace_test(NAME test_auction_differential LABELS property
  SOURCES
    property/market/auction_differential_test.cpp
  LIBS millrace_market)
