# SPDX-License-Identifier: Apache-2.0
# An appraisal policy of Trustee's attestation service (EAR tokens, Rego v1) for programs in OptMig's enclaves on SGX. README.md beside it says how
# it is used.
#
# The service has verified the quote when this is asked. Here is decided whether the program is one that is known (executables), whether
# the platform is up to date (hardware), and whether the enclave is closed to its host (configuration). The numbers are
# those of AR4SI (draft-ietf-rats-ar4si): 2 and 3 affirm, from 33 on it is a warning, from 96 on a refusal.
package policy

import rego.v1

default executables := 33

default hardware := 97

default configuration := 96

trust_claims := {
	"executables": executables,
	"hardware": hardware,
	"configuration": configuration,
	"file-system": 0,
	"instance-identity": 0,
	"runtime-opaque": 0,
	"storage-opaque": 0,
	"sourced-data": 0,
}

# The migration policy is part of the measurement: whoever lists an MRENCLAVE here accepts each platform to which that program may
# move. `optmig image show` prints both.
executables := 3 if {
	input.sgx.body.mr_enclave in query_reference_value("optmig_mrenclave")
	said_of_a_key
}

hardware := 2 if {
	input.sgx.tcb_status in {"UpToDate", "SWHardeningNeeded"}
	input.sgx.collateral_expiration_status == "0"
}

# ATTRIBUTES.FLAGS, little-endian: initialised and 64 bits wide, and neither DEBUG nor a key of the platform's.
configuration := 2 if input.sgx.body["attributes.flags"] == "0500000000000000"

# Report data: a hash in the first half, and in the second
#   nothing, of a certificate: the program can have made it for any key. The request's runtime data are the claims, so that the service
#   has compared the hash;
said_of_a_key if endswith(input.sgx.body.report_data, "0000000000000000000000000000000000000000000000000000000000000000")

#   "optmig 1 evidence of its TLS key", of fresh evidence: the enclave's runtime has made it. Who asked compares the hash (`request`).
said_of_a_key if endswith(input.sgx.body.report_data, "6f70746d696720312065766964656e6365206f662069747320544c53206b6579")
