// The Network Policy API's own conformance suite as one program: all that it knows of ClusterNetworkPolicies.
package conformance

import (
	"testing"

	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	api "sigs.k8s.io/network-policy-api/apis/v1beta1"
	"sigs.k8s.io/network-policy-api/conformance/tests"
	"sigs.k8s.io/network-policy-api/conformance/utils/suite"
)

// TestConformance runs it on the cluster that KUBECONFIG leads to.
func TestConformance(t *testing.T) {
	cluster, err := config.GetConfig()
	if err != nil {
		t.Fatal(err)
	}
	objects, err := client.New(cluster, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Install(objects.Scheme()); err != nil {
		t.Fatal(err)
	}
	pods, err := kubernetes.NewForConfig(cluster)
	if err != nil {
		t.Fatal(err)
	}
	all := suite.New(suite.Options{
		Client:                     objects,
		ClientSet:                  pods,
		KubeConfig:                 *cluster,
		CleanupBaseResources:       true,
		EnableAllSupportedFeatures: true,
	})
	all.Setup(t)
	all.Run(t, tests.ConformanceTests)
}
