"""What runs Relais and shows it working: the demonstration now, images and manifests with the cluster."""
