if(MILLRACE_PURE_ONLY)
  return()
endif()
millrace_test(NAME test_node LABELS unit
  SOURCES
    unit/node/blob_arrival_test.cpp
    unit/node/blob_http_test.cpp
    unit/node/blob_store_test.cpp
    unit/node/clock_test.cpp
    unit/node/data_version_test.cpp
    unit/node/engine_test.cpp
    unit/node/evidence_store_test.cpp
    unit/node/executor_test.cpp
    unit/node/files_test.cpp
    unit/node/history_test.cpp
    unit/node/intake_test.cpp
    unit/node/keeper_test.cpp
    unit/node/ledger_db_test.cpp
    unit/node/local_backend_test.cpp
    unit/node/mempool_test.cpp
    unit/node/provider_loop_test.cpp
    unit/node/manual_test.cpp
    unit/node/rpc_clients_test.cpp
    unit/node/rpc_market_test.cpp
    unit/node/rpc_test.cpp
    unit/node/settings_test.cpp
    unit/node/tx_checks_test.cpp unit/node/workers_test.cpp
  LIBS millrace_node spdlog::spdlog RocksDB::rocksdb-shared)
add_dependencies(test_node millrace-worker)
