# Whole programs against each other: real processes on loopback, each test with a node of its own.
if(MILLRACE_PURE_ONLY OR NOT TARGET millraced)
  return()
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(millrace_functional NAME TIMEOUT)
  add_test(NAME functional_${NAME} COMMAND ${Python3_EXECUTABLE}
    ${CMAKE_CURRENT_SOURCE_DIR}/functional/${NAME}.py ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${ARGN})
  # One at a time: their clocks are the chain's, and they load all cores by themselves.
  set_tests_properties(functional_${NAME} PROPERTIES LABELS functional TIMEOUT ${TIMEOUT} RUN_SERIAL ON
    SKIP_RETURN_CODE 77)
endfunction()
# A script run for longer, or with more, than the normal suite affords.
function(millrace_functional_slow NAME SCRIPT TIMEOUT)
  add_test(NAME functional_${NAME} COMMAND ${Python3_EXECUTABLE}
    ${CMAKE_CURRENT_SOURCE_DIR}/functional/${SCRIPT}.py ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${ARGN})
  set_tests_properties(functional_${NAME} PROPERTIES LABELS "functional;slow" TIMEOUT ${TIMEOUT} RUN_SERIAL ON)
endfunction()
# The same with 64 MiB and, labelled `slow`, with 2 GiB.
millrace_functional(blobs 120 64)
millrace_functional_slow(blobs_2gib blobs 1800 2048)
# Everything at once for a minute, and, labelled `slow`, for ten.
millrace_functional(load 300 60)
millrace_functional_slow(load_long load 1500 600)
millrace_functional(kept 120)
millrace_functional(main_path 60)
millrace_functional(one_instance 120)
millrace_functional(restarts 240)
millrace_functional(rpc 60)
millrace_functional(picture 600 ${PROJECT_SOURCE_DIR})
millrace_functional(rpc_access 120)
millrace_functional(rpc_hostile 180)
millrace_functional(rpc_subscriptions 120)
millrace_functional(state_proof 60)
millrace_functional(upgrade 240)
millrace_functional_slow(upgrade_ended upgrade 480 ended)
millrace_functional(wallet_access 180)
millrace_functional(wallet_json 600)
millrace_functional(wallet_provider 600)
# Rests for the two minutes in which a stake unbonds: beside the unit tests, from the start.
set_tests_properties(functional_wallet_provider PROPERTIES RUN_SERIAL OFF COST 1000)
millrace_functional(wallet_terminal 600)
millrace_functional(wallet_verify 300)
millrace_functional(wordcount 180 ${PROJECT_SOURCE_DIR})
# Preloaded under a node: a disk that fails on demand.
add_library(faulty_disk MODULE support/faulty_disk.c)
target_link_libraries(faulty_disk PRIVATE ${CMAKE_DL_LIBS})
millrace_functional(disk_faults 300 $<TARGET_FILE:faulty_disk>)
# Preloaded under a node: a wall clock that a test sets.
add_library(shifted_clock MODULE support/shifted_clock.c)
millrace_functional(clock_jumps 240 $<TARGET_FILE:shifted_clock>)
